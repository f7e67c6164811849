"""What happens inside a model, as numbers and as pictures: gradients through time, gates, weights, attention.

Every function gives its numbers; those called `plot_...` take them and give `(figure, numbers)`, where the figure is a
`matplotlib.figure.Figure` (`figure.savefig("picture.png")`). matplotlib is the extra `plot`. Nothing here changes a
model: what it counts, and the states that it carries, are afterwards what they were.
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
