"""Tests of the choice of a kernel library, of SEQFUSE_ISA, and of side effects of the import."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import seqfuse
from seqfuse import _backend, _kernels

pytestmark = pytest.mark.serial


def run(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run code in a new interpreter. SEQFUSE_ISA is unset unless it is given."""
    inherited = {key: value for key, value in os.environ.items() if key != "SEQFUSE_ISA"}
    return subprocess.run(
        [sys.executable, "-c", code], env={**inherited, **environment}, capture_output=True, text=True, timeout=120
    )


def test_supported_sets_are_ascending_and_known():
    known = ["baseline", "x86_64_v2", "x86_64_v3", "x86_64_v4"]
    assert _backend.supported() == [name for name in known if name in _backend.supported()]


def test_table_of_instruction_sets_says_name_flags_and_fused_multiply_add():
    rows = {row.name: row for row in _kernels.instruction_sets()}
    assert set(_backend.supported()) <= set(rows)
    if "x86_64_v3" in rows:
        assert [rows[name].has_fma for name in ("x86_64_v2", "x86_64_v3", "x86_64_v4")] == [False, True, True]
        assert rows["x86_64_v3"].flags == "-march=x86-64-v3"


def test_available_is_supported_and_installed():
    assert _backend.available()
    assert set(_backend.available()) <= set(_backend.supported())


def test_backend_chooses_the_best_library_by_default():
    process = run("from seqfuse import _backend as b; print(b.isa, b.kernels.instruction_set)", SEQFUSE_ISA="")
    best = _backend.available()[-1]
    assert process.stdout.split() == [best, best], process.stderr


@pytest.mark.parametrize("isa", _backend.available())
def test_seqfuse_isa_overrides(isa):
    process = run("from seqfuse import _backend as b; print(b.isa, b.kernels.instruction_set)", SEQFUSE_ISA=isa)
    assert process.stdout.split() == [isa, isa], process.stderr


def test_seqfuse_isa_error_lists_the_available_libraries():
    process = run("import seqfuse", SEQFUSE_ISA="mmx")
    assert process.returncode != 0
    last = process.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: seqfuse: SEQFUSE_ISA=mmx cannot be loaded")
    assert last.endswith(f"available: {', '.join(_backend.available())}")


def test_load_refuses_unknown_instruction_sets():
    with pytest.raises(ImportError, match=re.escape(f"available: {', '.join(_backend.available())}")):
        _backend.load("mmx")


def test_load_error_names_the_cpu_as_the_reason(monkeypatch):
    monkeypatch.setattr(_backend, "supported", list)
    with pytest.raises(ImportError, match="CPU or operating system cannot run it; available: none"):
        _backend.load(_backend.isa)


def test_import_error_explains_that_no_library_runs(monkeypatch):
    monkeypatch.setattr(_backend, "supported", list)
    monkeypatch.delenv("SEQFUSE_ISA", raising=False)
    with pytest.raises(ImportError, match=r"do not run on this CPU, which supports: none\. .*SEQFUSE_ISAS=all pip"):
        _backend._choose()


def test_all_libraries_load_into_one_process():
    assert [_backend.load(isa).instruction_set for isa in _backend.available()] == _backend.available()
    assert _backend.load(_backend.isa) is _backend.kernels


def test_load_refuses_a_library_without_kernels(tmp_path):
    with pytest.raises(ImportError, match=r"no\.so"):
        _kernels.load(str(tmp_path / "no.so"))
    maps = Path("/proc/self/maps").read_text().splitlines()
    libraries = [line.split()[-1] for line in maps if "libc.so" in line]
    with pytest.raises(ImportError, match=r"must be a kernel library of version 1\. Reinstall seqfuse"):
        _kernels.load(libraries[0])


def test_a_library_exports_one_function():
    exported = subprocess.run(
        ["nm", "-D", "--defined-only", str(_backend.library(_backend.isa))], capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[-1] for line in exported.splitlines()] == ["seqfuse_kernel_table"]


def test_import_does_not_change_denormal_handling():
    code = """
from seqfuse import _backend
for isa in _backend.available(): _backend.load(isa)
print(float.fromhex("0x1p-1040") * 1.0 != 0)
"""
    process = run(code)
    assert process.stdout == "True\n", process.stderr


def test_import_loads_few_modules():
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


def test_reference_is_imported_on_first_access():
    process = run("import sys, seqfuse as s; print('seqfuse.reference' in sys.modules, s.reference.__name__)")
    assert process.stdout.split() == ["False", "seqfuse.reference"], process.stderr
    assert "reference" in dir(seqfuse)


def test_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'seqfuse' has no attribute 'nonsense'"):
        _ = seqfuse.nonsense
