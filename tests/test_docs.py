"""Every example in a docstring and in the README runs."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import seqfuse

pytestmark = pytest.mark.once

BRIDGES = ("seqfuse.bench", "seqfuse.keras", "seqfuse.onnx", "seqfuse.torch")  # need what no test installs
MODULES = ["seqfuse"] + [
    module.name
    for module in pkgutil.walk_packages(seqfuse.__path__, "seqfuse.", onerror=lambda name: None)
    if not module.name.startswith(BRIDGES) and "._kernels" not in module.name
]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name):
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def test_readme_examples_run():
    text = (Path(__file__).resolve().parent.parent / "README.md").read_text()
    blocks = list(re.finditer(r"```python\n(.*?)```", text, re.DOTALL))
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:  # one session: later blocks go on where earlier ones stopped
        lines_before = text[: block.start(1)].count("\n")
        exec(compile("\n" * lines_before + block[1], "README.md", "exec"), names)
