"""The list of mutants fits the sources: `run.py` would find every line, and every test file that must notice it."""

import itertools

import pytest

from .mutant import ROOT, Mutant
from .special_build import numbers
from .table import MUTANTS
from .workplace import verdict


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_fits_one_line_of_the_sources(mutant):
    assert mutant.problem() is None
    assert mutant.missing_tests() == []
    assert mutant.tests, "no test must notice it"


def test_there_are_eighty_mutants_and_thirty_of_them_in_cpp_that_the_suite_killed_before():
    killed = [mutant for mutant in MUTANTS if mutant.killed_before]
    assert len(killed) >= 80
    assert sum(mutant.in_cpp for mutant in killed) >= 30


def test_names_of_mutants_differ():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "sums.py").write_text("a = b + c\nd = a\n")
    (tmp_path / "cpp").mkdir()
    (tmp_path / "cpp/sums.hpp").write_text("x = f(y);\nreturn x + y;\n")
    return tmp_path


def mutant(file, find, replace="z"):
    return Mutant("sum", file, find, replace, ("tests/test_names.py",), killed_before=True)


@pytest.mark.parametrize(
    ("file", "find", "replace", "said"),
    [
        ("away.py", "b + c", "b", "away.py does not exist"),
        ("sums.py", "b + c", "b + c", "replace must differ"),
        ("sums.py", "b + c\nd", "b", "a piece of one line"),
        ("sums.py", "a", "b", "got 2 times"),
        ("sums.py", "a = b - c", "b", "The nearest line is 1: a = b + c"),
    ],
)
def test_problem_says_why_a_mutant_does_not_fit(root, file, find, replace, said):
    assert said in mutant(file, find, replace).problem(root)


def test_mutant_takes_the_place_of_its_piece_of_the_line(root):
    one = mutant("sums.py", "b + c", "b")
    assert one.problem(root) is None
    assert one.applied((root / "sums.py").read_text()) == "a = b\nd = a\n"


@pytest.mark.parametrize(
    ("find", "replace", "line"),
    [
        ("x + y", "x", "return (seqfuse::mutants::active(7) ? (x) : (x + y));"),
        ("x = f(y);", "x = y;", "if (seqfuse::mutants::active(7)) { x = y; } else { x = f(y); }"),
    ],
)
def test_cpp_mutant_stands_beside_the_original_behind_a_switch(root, find, replace, line):
    text = (root / "cpp/sums.hpp").read_text()
    assert line in mutant("cpp/sums.hpp", find, replace).switched(text, 7).splitlines()


def test_every_cpp_mutant_has_a_number_of_its_own():
    found = numbers(MUTANTS)
    assert list(found) == [mutant.name for mutant in MUTANTS if mutant.in_cpp]
    assert len({0, *found.values()}) == len(found) + 1


def test_mutants_of_one_line_of_cpp_can_all_be_compiled_in():
    for file in {mutant.file for mutant in MUTANTS if mutant.in_cpp}:
        text = (ROOT / file).read_text()
        places = sorted((text.index(m.find), text.index(m.find) + len(m.find)) for m in MUTANTS if m.file == file)
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(places)), file


@pytest.mark.parametrize(
    ("code", "output", "kind", "detail"),
    [
        (0, "3 passed", "survived", ""),
        (1, "FAILED tests/a.py::test_b[x y] - assert 1 == 2\n1 failed", "killed", "tests/a.py::test_b[x y]"),
        (1, "FAILED tests/a.py::test_b[x-[1] y] - assert [1] == [2]", "killed", "tests/a.py::test_b[x-[1] y]"),
        (1, "FAILED tests/a.py::test_b - assert [1] == [2]", "killed", "tests/a.py::test_b"),
        (2, "ERROR tests/a.py\n!!! stopping !!!", "killed", "tests/a.py"),
        (-11, "Fatal Python error", "killed", "pytest died of SIGSEGV"),
        (None, "", "killed", "no end after 60 s"),
        (4, "ERROR: file or directory not found: tests/a.py", "error", "pytest ended with 4"),
        (5, "no tests ran", "error", "pytest ended with 5"),
    ],
)
def test_verdict_is_killed_only_where_a_test_noticed_the_mutant(code, output, kind, detail):
    got = verdict(code, output, 60)
    assert (got[0], got[1].split(":")[0] if kind == "error" else got[1]) == (kind, detail)
