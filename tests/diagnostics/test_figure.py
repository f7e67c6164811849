"""Test the dependence of the plot functions on matplotlib."""

import sys

import numpy as np
import pytest

from seqfuse.diagnostics import Saturation, plot_attention, plot_gate_saturation, plot_gradient_norms, plot_history

CALLS = {
    "plot_attention": lambda: plot_attention(np.ones((2, 2))),
    "plot_gate_saturation": lambda: plot_gate_saturation({"lstm/f": Saturation(np.zeros(2), np.zeros(2))}),
    "plot_gradient_norms": lambda: plot_gradient_norms({"lstm": np.ones(2)}),
    "plot_history": lambda: plot_history({"loss": [1.0]}),
}


@pytest.mark.parametrize("name", CALLS)
def test_plot_functions_name_the_extra_when_matplotlib_is_missing(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=rf'{name}: matplotlib must be installed. Run: pip install "seqfuse\[plot\]"'):
        CALLS[name]()


def test_diagnostics_does_not_import_matplotlib():
    import subprocess

    program = "import sys, seqfuse.diagnostics; print([m for m in sys.modules if 'matplotlib' in m])"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_plot_functions_do_not_import_pyplot():
    pytest.importorskip("matplotlib")
    imported_before = "matplotlib.pyplot" in sys.modules
    for call in CALLS.values():
        call()
    assert ("matplotlib.pyplot" in sys.modules) == imported_before
