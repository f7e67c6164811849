"""No identifier contains a word that docs/glossary.md replaces by another."""

from __future__ import annotations

import ast
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
SOURCES = sorted(
    path
    for folder in ("bench", "cpp", "docs", "examples", "src", "tests")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".pyi", ".hpp", ".cpp"}
)
ALLOWED = re.compile("held_?out", re.IGNORECASE)  # see the row of `held` in the glossary
DEPRECATED = {"hears"}  # old public names, kept for one minor version by the deprecation rule of CONTRIBUTING.md


def avoided() -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the words and the patterns in code style of the last column of the glossary's table."""
    table = GLOSSARY.partition("\n## Words to avoid\n")[2]
    cells = [line.rstrip("| ").rpartition(" | ")[2] for line in table.splitlines() if line.startswith("| ")]
    entries = [entry for cell in cells[1:] for entry in re.findall(r"`([\w*]{2,})`", cell)]
    return frozenset(e for e in entries if "*" not in e), tuple(e for e in entries if "*" in e)


WORDS, PATTERNS = avoided()


def words(name: str) -> set[str]:
    """Return the words of a snake_case or CamelCase name, in lower case."""
    name = ALLOWED.sub("", name)
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))


def is_avoided(name: str) -> bool:
    name = name.lstrip("_")
    return bool(words(name) & WORDS) or any(fnmatchcase(name, pattern) for pattern in PATTERNS)


def python_identifiers(text: str) -> set[str]:
    """Return the names that Python code defines or assigns."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        elif isinstance(node, ast.alias) and node.asname:
            found.add(node.asname)
    return found


def cpp_identifiers(text: str) -> set[str]:
    """Return all identifiers of C++ code, without those in comments, strings and includes."""
    code = re.sub(
        r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|^\s*#\s*include[^\n]*', " ", text, flags=re.DOTALL | re.MULTILINE
    )
    return set(re.findall(r"\b[A-Za-z_]\w*", code))


def identifiers(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8")
    return python_identifiers(text) if path.suffix in {".py", ".pyi"} else cpp_identifiers(text)


def test_glossary_lists_words_and_patterns():
    assert {"told", "lying", "unreal", "turned", "hears", "held", "apart"} <= WORDS
    assert {"of_*", "most_*", "wanted_*"} <= set(PATTERNS)


@pytest.mark.parametrize(
    "name", ["of_y", "_of_y", "is_told", "kMostRules", "ToldLayer", "lying_W", "held_rows", "_told"]
)
def test_glossary_refuses_a_name_with_an_avoided_word(name):
    assert is_avoided(name)


@pytest.mark.parametrize(
    "name", ["offset", "at_most", "shape_of_y", "held_out", "HELD_OUT", "HeldOut", "holds", "underlying", "measure"]
)
def test_glossary_accepts_a_name_that_only_resembles_an_avoided_word(name):
    assert not is_avoided(name)


def test_cpp_identifiers_leave_out_comments_and_strings():
    assert cpp_identifiers('int a; // told\n/* lying\n held */ call("hears", b);') == {"int", "a", "call", "b"}


def test_no_identifier_contains_an_avoided_word():
    bad = [
        f"{path.relative_to(ROOT).as_posix()}:{name}"
        for path in SOURCES
        for name in sorted(identifiers(path) | {path.stem})
        if is_avoided(name) and name not in DEPRECATED
    ]
    assert not bad, f"{len(bad)} identifiers contain a word that docs/glossary.md replaces:\n" + "\n".join(bad)
