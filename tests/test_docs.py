"""The examples of docstrings, README and docs/ run, and the documentation is complete and current."""

import contextlib
import doctest
import importlib
import io
import pkgutil
import re
import sys
from pathlib import Path

import pytest

import seqfuse

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
BRIDGES = ("seqfuse.bench", "seqfuse.keras", "seqfuse.onnx", "seqfuse.torch")  # need packages that no test installs
MODULES = ["seqfuse"] + [
    module.name
    for module in pkgutil.walk_packages(seqfuse.__path__, "seqfuse.", onerror=lambda name: None)
    if not module.name.startswith(BRIDGES) and not module.name.startswith(("seqfuse._kernels", "seqfuse.lib"))
]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("api/*.md"))]


def from_docs(name):
    """Import a module of the folder docs, which is not a package."""
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(DOCS))


def blocks(path: Path, language: str) -> list[re.Match[str]]:
    """Return the blocks of a page in a language; group 2 is the `text` block directly after one, if there is any."""
    pattern = rf"```{language}\n(.*?)```(?:\n\n(?:prints\n\n)?```text\n(.*?)```)?"
    return list(re.finditer(pattern, path.read_text(encoding="utf-8"), re.DOTALL))


WITH_PYTHON = [page for page in PAGES if blocks(page, "python")]


# ---- examples --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name):
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def test_every_level_has_a_page_with_examples():
    assert {"kernels.md", "functional.md", "layers.md", "tour.md", "README.md"} <= {page.name for page in WITH_PYTHON}


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.name)
def test_examples_of_a_page_run_and_print_what_the_page_shows(page):
    names: dict[str, object] = {}
    for block in blocks(page, "python"):  # one session: each block continues the one before it
        lines_before = block.string[: block.start(1)].count("\n")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile("\n" * lines_before + block[1], page.name, "exec"), names)
        if block[2] is not None:
            assert printed.getvalue() == block[2]


def test_example_of_the_readme_is_short_and_shows_its_output():
    first = blocks(ROOT / "README.md", "python")[0]
    assert len([line for line in first[1].splitlines() if line]) <= 14
    assert first[2]


def test_cpp_of_the_page_is_what_the_cpp_tests_compile():
    (block,) = blocks(DOCS / "kernels.md", "cpp")
    compiled = (ROOT / "cpp" / "tests" / "test_example.cpp").read_text(encoding="utf-8")
    assert f"// [docs/kernels.md]\n{block[1]}// [end]\n" in compiled


# ---- links and pictures ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_links_of_a_page_lead_to_files(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    files = [link for link in links if "api/generated/" not in link]
    assert [link for link in files if not (page.parent / link).exists()] == []


def test_pictures_are_those_that_the_script_draws():
    drawn = from_docs("draw_pictures").pictures()
    committed = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "_static").glob("*.svg")}
    assert sorted(committed) == sorted(drawn)
    assert [name for name, text in drawn.items() if committed[name] != text] == [], "run python docs/draw_pictures.py"


# ---- the API reference -----------------------------------------------------------------------------------------


def test_api_reference_has_every_public_module():
    public = {"seqfuse", "seqfuse.functional", *(f"seqfuse.{name}" for name in seqfuse._MODULES)}
    more = {"seqfuse.layers.activations", "seqfuse.layers.weight", "seqfuse.optimizers.schedules"}
    assert set(from_docs("api_pages").MODULES) == public | more


def test_api_reference_has_every_public_name():
    api_pages = from_docs("api_pages")
    found = set()
    for page, text in api_pages.pages().items():
        current = ""
        for line in text.splitlines():
            if module := re.match(r"\.\. (?:currentmodule|automodule):: (\S+)", line):
                current = module[1]
                found.add(current)
            elif name := re.match(r"\.\. (?:auto|py:)(?:class|function|data):: ([^\s(]+)", line):
                found.add(f"{current}.{name[1]}")
        assert current or page == "command_line"
    names = {
        name.value.__name__ if api_pages.kind(name.value) == "module" else name.full
        for name in api_pages.public_names()
    }
    assert names - found == set()
    assert not [page for page in api_pages.pages() if page.endswith(".others")], "add the names to FAMILIES"


def test_api_reference_has_the_commands():
    text = from_docs("api_pages").pages()["command_line"]
    assert "python -m seqfuse demo" in text
    assert "--quick" in text
    assert "--attention" in text


def test_every_generated_page_is_in_a_table_of_contents():
    api_pages = from_docs("api_pages")
    index = (DOCS / "api" / "index.md").read_text(encoding="utf-8")
    written = api_pages.pages()
    listed = set(re.findall(r"^generated/(\S+)$", index, re.MULTILINE))
    for text in written.values():
        listed |= set(re.findall(r"^   (\S+)$", text.partition(".. toctree::")[2], re.MULTILINE))
    assert sorted(set(written) - listed) == []
