"""Every example in a docstring, in the README and in docs/ runs."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import seqfuse

ROOT = Path(__file__).resolve().parent.parent
BRIDGES = ("seqfuse.bench", "seqfuse.keras", "seqfuse.onnx", "seqfuse.torch")  # need what no test installs
MODULES = ["seqfuse"] + [
    module.name
    for module in pkgutil.walk_packages(seqfuse.__path__, "seqfuse.", onerror=lambda name: None)
    if not module.name.startswith(BRIDGES) and not module.name.startswith(("seqfuse._kernels", "seqfuse.lib"))
]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name):
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def blocks(path: Path, language: str) -> list[re.Match[str]]:
    """The blocks of a page in a language."""
    return list(re.finditer(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL))


PAGES = [ROOT / "README.md", *(page for page in sorted((ROOT / "docs").glob("*.md")) if blocks(page, "python"))]


def test_every_level_has_a_page_with_examples():
    assert {"kernels.md", "functional.md", "layers.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_of_a_page_run(page):
    found = blocks(page, "python")
    assert found
    names: dict[str, object] = {}
    for block in found:  # one session: later blocks go on where earlier ones stopped
        lines_before = block.string[: block.start(1)].count("\n")
        exec(compile("\n" * lines_before + block[1], page.name, "exec"), names)


def test_cpp_of_the_page_is_what_the_cpp_tests_compile():
    (block,) = blocks(ROOT / "docs" / "kernels.md", "cpp")
    compiled = (ROOT / "cpp" / "tests" / "test_example.cpp").read_text(encoding="utf-8")
    assert f"// [docs/kernels.md]\n{block[1]}// [end]\n" in compiled


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_links_of_a_page_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
