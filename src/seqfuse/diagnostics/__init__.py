"""Look inside a model: gradients through time, gate saturation, weight statistics, attention weights, training curves.

Functions return numbers. Functions called ``plot_...`` draw these numbers and return ``(figure, numbers)``, where the
figure is a `matplotlib.figure.Figure`; save it with ``figure.savefig("picture.png")``. Plotting needs matplotlib, which
the extra ``plot`` installs.

No function changes the model: its weights, its metrics and the states of stateful layers are the same afterwards.
"""

from seqfuse.diagnostics.attention import attention_weights, plot_attention
from seqfuse.diagnostics.gates import Saturation, gate_saturation, plot_gate_saturation
from seqfuse.diagnostics.gradients import gradient_norms, plot_gradient_norms
from seqfuse.diagnostics.history import plot_history
from seqfuse.diagnostics.statistics import Statistics, StatisticsTable, gradient_statistics, weight_statistics

__all__ = [
    "Saturation",
    "Statistics",
    "StatisticsTable",
    "attention_weights",
    "gate_saturation",
    "gradient_norms",
    "gradient_statistics",
    "plot_attention",
    "plot_gate_saturation",
    "plot_gradient_norms",
    "plot_history",
    "weight_statistics",
]


def __dir__() -> list[str]:
    return sorted(__all__)
