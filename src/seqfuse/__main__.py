"""The command line: `python -m seqfuse` says what is running; `demo` and `bench` are modules of that name."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = {
    "demo": "train a character model on CPython's documentation and let it write",
    "bench": "time every kernel, beside PyTorch and ONNX Runtime where they are installed",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; what follows the command's name is the command's own to parse."""
    parser = argparse.ArgumentParser(prog="python -m seqfuse", description="Without a command: what is running.")
    commands = parser.add_subparsers(dest="command", metavar="command")
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary, add_help=False)
    known, rest = parser.parse_known_args(argv)
    if known.command is not None:
        return int(import_module(f"seqfuse.{known.command}").main(rest) or 0)
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    import seqfuse

    print(seqfuse.info())
    return 0


if __name__ == "__main__":
    sys.exit(main())
