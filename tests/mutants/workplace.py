"""A copy of the project, with compiled modules beside its Python sources, in which pytest runs with one mutant."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .mutant import Mutant

_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "build", "dist", "*.so", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info"
)
_LOADED = """
import sys, seqfuse
files = {m.__file__ or "" for n, m in list(sys.modules.items()) if n.startswith("seqfuse.") and hasattr(m, "__file__")}
print(seqfuse.__file__, *sorted(file for file in files if file.endswith(".so")), sep="\\n")
"""


@dataclass(frozen=True)
class Outcome:
    """What the tests said."""

    kind: str  # "killed", "survived" or "error"
    seconds: float
    detail: str  # the first test that failed, or why there is no answer
    output: str


def loaded(env: dict[str, str] | None = None) -> tuple[Path, list[Path]]:
    """Return the file of the package that `import seqfuse` finds, and those of its compiled modules."""
    with tempfile.TemporaryDirectory() as nowhere:
        done = subprocess.run(
            [sys.executable, "-c", _LOADED], cwd=nowhere, env=env, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SystemExit(f"run: seqfuse cannot be imported:\n{done.stderr}")
    package, *modules = map(Path, done.stdout.split())
    return package, modules


def installed_modules() -> Path:
    """Return the folder that holds the compiled modules of the installed seqfuse."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return loaded(env)[1][0].parent


class Workplace:
    """A copy of the project.

    Parameters
    ----------
    root : Path        the project; it is not changed
    at : Path        where the copy is made
    modules : Path        a folder with compiled modules
    """

    def __init__(self, root: Path, at: Path, modules: Path) -> None:
        self.at = at
        shutil.copytree(root, at, ignore=_LEFT_OUT)
        for module in modules.glob("*.so*"):
            shutil.copy2(module, at / "src" / "seqfuse")
        self._env = {
            **os.environ,
            "PYTHONPATH": str(at / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SEQFUSE_MUTANT": "0",
            "OPENBLAS_NUM_THREADS": "1",
            "MPLBACKEND": "agg",
        }
        self._env.pop("SEQFUSE_ISA", None)
        package, _ = loaded(self._env)
        if at.resolve() not in package.resolve().parents:
            raise SystemExit(
                f"run: seqfuse must be imported from {at}; got {package}. An editable install comes before PYTHONPATH: "
                "run the list in an environment with a plain install"
            )

    @contextlib.contextmanager
    def changed(self, mutant: Mutant) -> Iterator[None]:
        """Within it, the Python mutant is in the copy."""
        path = self.at / mutant.file
        original = path.read_text()
        path.write_text(mutant.applied(original))
        try:
            yield
        finally:
            path.write_text(original)

    def test(self, tests: Sequence[str], timeout: float, number: int = 0) -> Outcome:
        """Run test files until the first failure, with the C++ mutant `number`."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--tb=line", *tests]
        env = {**self._env, "SEQFUSE_MUTANT": str(number)}
        start = time.monotonic()
        with tempfile.TemporaryFile("w+") as file:  # no pipe: a child that hangs would keep it open
            process = subprocess.Popen(
                command, cwd=self.at, env=env, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )
            try:
                code: int | None = process.wait(timeout)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            file.seek(0)
            output = file.read()
        shutil.rmtree(self.at / ".hypothesis", ignore_errors=True)  # an example of one mutant is not tried with others
        kind, detail = verdict(code, output, timeout)
        return Outcome(kind, time.monotonic() - start, detail, output)


def verdict(code: int | None, output: str, timeout: float) -> tuple[str, str]:
    """Return the kind and the detail of an outcome from pytest's exit code (None: stopped by the timeout)."""
    if code is None:
        return "killed", f"no end after {timeout:.0f} s"
    if code < 0:
        return "killed", f"pytest died of {signal.Signals(-code).name}"
    if code == 0:
        return "survived", ""
    found = re.search(r"^(?:FAILED|ERROR) (\S+?\[.*?\](?= - |$)|\S+)", output, re.MULTILINE)
    if code in (1, 2) and found:
        return "killed", found[1]
    return "error", f"pytest ended with {code}: {output[-300:].strip()}"
