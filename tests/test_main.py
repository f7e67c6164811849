"""Test `python -m seqfuse` and `seqfuse.info`."""

import subprocess
import sys
from types import ModuleType

import pytest

import seqfuse as sf
from seqfuse import _backend
from seqfuse.__main__ import COMMANDS, NEXT_STEPS, main


def test_info_describes_build_and_threads():
    info = sf.info()
    assert list(info) == ["seqfuse", "numpy", "python", "platform", "isa", "available", "threads", "openmp"]
    assert info["isa"] == _backend.isa
    assert info["available"] == _backend.available()
    assert info["threads"] == sf.get_num_threads()
    assert isinstance(info["openmp"], bool)


def test_info_prints_as_a_table():
    lines = repr(sf.info()).splitlines()
    assert len(lines) == len(sf.info())
    assert lines[0].split() == ["seqfuse", sf.__version__]
    assert lines[5].split(maxsplit=1) == ["available", ", ".join(_backend.available())]


def test_main_prints_info_and_next_steps_when_no_command_is_given(capsys):
    assert main([]) == 0
    assert capsys.readouterr().out == f"{sf.info()}\n\n{NEXT_STEPS}"
    assert all(f"python -m seqfuse {command}" in NEXT_STEPS for command in COMMANDS)


def test_python_m_seqfuse_runs():
    process = subprocess.run([sys.executable, "-m", "seqfuse"], capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("seqfuse ")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("status", [None, 0, 3])
def test_main_passes_the_remaining_arguments_to_the_command(monkeypatch, command, status):
    module = ModuleType(f"seqfuse.{command}")
    received = []
    module.main = lambda argv: received.append(argv) or status
    monkeypatch.setitem(sys.modules, f"seqfuse.{command}", module)
    assert main([command, "--quick", "-h", "x"]) == (status or 0)
    assert received == [["--quick", "-h", "x"]]


def test_main_help_names_the_commands(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)


@pytest.mark.parametrize("argv", [["nonsense"], ["--nonsense"]])
def test_main_rejects_unknown_arguments(capsys, argv):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert "nonsense" in capsys.readouterr().err


def test_main_ends_with_130_after_ctrl_c(monkeypatch, capsys):
    def interrupted(argv):
        raise KeyboardInterrupt

    module = ModuleType("seqfuse.demo")
    module.main = interrupted
    monkeypatch.setitem(sys.modules, "seqfuse.demo", module)
    assert main(["demo"]) == 130
    assert capsys.readouterr().out == "\nInterrupted.\n"
