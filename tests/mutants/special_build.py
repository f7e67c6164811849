"""The special build of the C++ sources: every C++ mutant is compiled in, and SEQFUSE_MUTANT chooses one at run time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .mutant import Mutant

SWITCH = """\
#pragma once
#include <cstdlib>
namespace seqfuse::mutants {
inline const int chosen = [] {
  const char* number = std::getenv("SEQFUSE_MUTANT");
  return number == nullptr ? 0 : std::atoi(number);
}();
inline bool active(int number) { return number == chosen; }
}  // namespace seqfuse::mutants
"""


def numbers(mutants: Sequence[Mutant]) -> dict[str, int]:
    """Return the value of SEQFUSE_MUTANT for each C++ mutant, by name; 0 is the original.

    A number depends on the name alone, so that a new mutant changes no file but its own.
    """
    return {mutant.name: zlib.crc32(mutant.name.encode()) % 2**30 + 1 for mutant in mutants if mutant.in_cpp}


def write_sources(mutants: Sequence[Mutant], root: Path, to: Path) -> None:
    """Copy what the build reads, with all C++ mutants behind their switches."""
    texts = {path.relative_to(root): path.read_text() for path in (root / "cpp").rglob("*") if path.is_file()}
    for name in ("CMakeLists.txt", "src/seqfuse/_version.py"):
        texts[Path(name)] = (root / name).read_text()
    number_of = numbers(mutants)
    for mutant in mutants:
        if mutant.in_cpp:
            path = Path(mutant.file)
            texts[path] = mutant.switched(texts[path], number_of[mutant.name])
    texts[Path("mutants.hpp")] = SWITCH
    for path, text in texts.items():
        target = to / path
        if not target.exists() or target.read_text() != text:  # an unchanged file keeps its time: ninja skips it
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)


def build(mutants: Sequence[Mutant], root: Path, work: Path, jobs: int) -> Path:
    """Compile the modules with all C++ mutants; return the folder that has them."""
    sources, binary, prefix = work / "sources", work / "build", work / "installed"
    write_sources(mutants, root, sources)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    tools = {name: shutil.which(name, path=path) for name in ("cmake", "ninja")}
    missing = [name for name, tool in tools.items() if tool is None]
    if missing:
        raise SystemExit(f"run: {' and '.join(missing)} must be installed. Run: pip install cmake ninja")
    env = {**os.environ, "PATH": path}
    configure = [
        str(tools["cmake"]), "-S", str(sources), "-B", str(binary), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
        "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -DNDEBUG", f"-DCMAKE_CXX_FLAGS=-include {sources / 'mutants.hpp'}",
        "-DSEQFUSE_ISAS=native", f"-DPython_EXECUTABLE={sys.executable}", f"-DCMAKE_INSTALL_PREFIX={prefix}",
    ]  # fmt: skip
    cache = shutil.which("ccache")
    if cache is not None:
        configure.append(f"-DCMAKE_CXX_COMPILER_LAUNCHER={cache}")
    for command in (
        configure,
        [str(tools["cmake"]), "--build", str(binary), "--parallel", str(jobs)],
        [str(tools["cmake"]), "--install", str(binary)],
    ):
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = (done.stdout + done.stderr).splitlines()
            errors = [line for line in lines if "error" in line.lower()] or lines[-40:]
            raise SystemExit("\n".join([f"run: the special build failed: {' '.join(command)}", *errors[:40]]))
    return prefix / "seqfuse"
