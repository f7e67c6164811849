"""Which kernel module is picked, what SEQFUSE_ISA does to that, and what importing leaves alone."""

import os
import re
import subprocess
import sys

import pytest

import seqfuse
from seqfuse import _backend, _cpu

pytestmark = pytest.mark.once


def run(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A fresh Python, with SEQFUSE_ISA unset unless it is given."""
    inherited = {key: value for key, value in os.environ.items() if key != "SEQFUSE_ISA"}
    return subprocess.run(
        [sys.executable, "-c", code], env={**inherited, **environment}, capture_output=True, text=True, timeout=120
    )


def test_cpu_supported_is_ascending_and_known():
    known = ["baseline", "x86_64_v2", "x86_64_v3", "x86_64_v4"]
    assert _cpu.supported() == [name for name in known if name in _cpu.supported()]


def test_available_is_supported_and_installed():
    assert _backend.available()
    assert set(_backend.available()) <= set(_cpu.supported())


def test_backend_takes_the_best_when_nothing_is_said():
    process = run("from seqfuse import _backend as b; print(b.isa, b.kernels.__name__)", SEQFUSE_ISA="")
    best = _backend.available()[-1]
    assert process.stdout.split() == [best, f"seqfuse._kernels_{best}"], process.stderr


@pytest.mark.parametrize("isa", _backend.available())
def test_seqfuse_isa_overrides(isa):
    process = run("from seqfuse import _backend as b; print(b.isa, b.kernels.__name__)", SEQFUSE_ISA=isa)
    assert process.stdout.split() == [isa, f"seqfuse._kernels_{isa}"], process.stderr


def test_seqfuse_isa_names_what_there_is_when_it_cannot_be_had():
    process = run("import seqfuse", SEQFUSE_ISA="mmx")
    assert process.returncode != 0
    last = process.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: seqfuse: SEQFUSE_ISA=mmx cannot be had")
    assert last.endswith(f"available: {', '.join(_backend.available())}")


def test_load_refuses_what_there_is_not():
    with pytest.raises(ImportError, match=re.escape(f"available: {', '.join(_backend.available())}")):
        _backend.load("mmx")


def test_load_says_that_the_cpu_is_the_reason(monkeypatch):
    monkeypatch.setattr(_cpu, "supported", list)
    with pytest.raises(ImportError, match="CPU or operating system cannot run it; available: none"):
        _backend.load(_backend.isa)


def test_backend_says_so_when_nothing_runs(monkeypatch):
    monkeypatch.setattr(_cpu, "supported", list)
    monkeypatch.delenv("SEQFUSE_ISA", raising=False)
    with pytest.raises(ImportError, match="no kernel module is installed that this CPU can run"):
        _backend._choose()


def test_all_kernel_modules_load_into_one_process():
    modules = [_backend.load(isa) for isa in _backend.available()]
    assert len({module.__file__ for module in modules}) == len(modules)
    assert _backend.load(_backend.isa) is _backend.kernels


def test_every_kernel_module_has_the_same_names():
    names = [{name for name in dir(_backend.load(isa)) if name[0] != "_"} for isa in _backend.available()]
    assert all(n == names[0] for n in names)


def test_import_leaves_denormals_alone():
    code = """
from seqfuse import _backend
for isa in _backend.available(): _backend.load(isa)
print(float.fromhex("0x1p-1040") * 1.0 != 0)
"""
    process = run(code)
    assert process.stdout == "True\n", process.stderr


def test_import_is_light():
    code = """
import sys, numpy
before = set(sys.modules)
import seqfuse
print(*sorted({name for name in set(sys.modules) - before}))
"""
    process = run(code)
    loaded = process.stdout.split()
    assert "seqfuse.functional" in loaded, process.stderr
    assert {name.split(".")[0] for name in loaded} <= {"seqfuse", "numpy", *sys.stdlib_module_names}
    lazy = ("seqfuse.reference", "seqfuse.demo", "seqfuse.bench", "seqfuse.__main__")
    assert [name for name in loaded if name.startswith(lazy)] == []
    assert [name for name in loaded if name in {"argparse", "asyncio", "importlib.metadata", "unittest"}] == []


def test_reference_is_imported_when_asked_for():
    process = run("import sys, seqfuse as s; print('seqfuse.reference' in sys.modules, s.reference.__name__)")
    assert process.stdout.split() == ["False", "seqfuse.reference"], process.stderr
    assert "reference" in dir(seqfuse)


def test_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'seqfuse' has no attribute 'nonsense'"):
        _ = seqfuse.nonsense
