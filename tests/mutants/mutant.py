"""One mutant: a single change of one line of the sources, and the tests that must fail because of it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutant:
    """A change of one line.

    Parameters
    ----------
    name : str        the behaviour that the change loses; no two mutants have the same name
    file : str        relative to the root of the repository
    find : str        a piece of one line that occurs once in the file. In C++ an expression, or statements that end
        with a semicolon: the special build has the original and the mutant side by side, behind a switch
    replace : str        what stands there in the mutant
    tests : tuple of str        test files that must notice it, the fastest first
    killed_before : bool        whether the suite noticed it before it was reduced (27,759 tests, commit cedfd87)
    """

    name: str
    file: str
    find: str
    replace: str
    tests: tuple[str, ...]
    killed_before: bool

    @property
    def in_cpp(self) -> bool:
        return self.file.startswith("cpp/")

    def problem(self, root: Path = ROOT) -> str | None:
        """Return why the mutant does not fit the sources below `root`; None if it does."""
        path = root / self.file
        if not path.is_file():
            return f"{self.file} does not exist. Name the file that has the line now"
        if "\n" in self.find or self.find == self.replace:
            return "find must be a piece of one line, and replace must differ from it"
        text = path.read_text()
        count = text.count(self.find)
        if count == 1:
            return None
        if count:
            return f"find must occur once in {self.file}; got {count} times: {self.find!r}. Take more of the line"
        lines = {line.strip(): number for number, line in enumerate(text.splitlines(), 1)}
        near = difflib.get_close_matches(self.find, lines, 1, 0.3)
        hint = f"The nearest line is {lines[near[0]]}: {near[0]}" if near else "No line is similar"
        return f"find must occur once in {self.file}; got none: {self.find!r}. {hint}"

    def missing_tests(self, root: Path = ROOT) -> list[str]:
        """Return the test files that do not exist."""
        return [test for test in self.tests if not (root / test).is_file()]

    def applied(self, text: str) -> str:
        """Return the file's text with the mutant in it."""
        return text.replace(self.find, self.replace)

    def switched(self, text: str, number: int) -> str:
        """Return a C++ file's text with the mutant behind the switch `number`, beside the original."""
        active = f"seqfuse::mutants::active({number})"
        if self.find.endswith(";"):
            both = f"if ({active}) {{ {self.replace} }} else {{ {self.find} }}"
        else:
            both = f"({active} ? ({self.replace}) : ({self.find}))"
        return text.replace(self.find, both)
