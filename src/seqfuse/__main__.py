"""Command line ``python -m seqfuse``: print the build and next steps, or run the command `demo` or `bench`."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = {
    "demo": "train an LSTM on CPython's documentation, character by character, and let it write",
    "bench": "time every kernel, beside PyTorch and ONNX Runtime if they are installed",
}

NEXT_STEPS = """\
Run next
  python -m seqfuse demo --quick    train a small LSTM to write text, in about half a minute
  python -m seqfuse demo            the full model, in two or three minutes
  python -m seqfuse bench --quick   time a few small shapes; without --quick, everything
  python -m seqfuse --help          all commands

Read next
  help("seqfuse.layers")            layers with Keras's names: LSTM, GRU, MultiHeadAttention, ...
  help("seqfuse.functional")        the same operations as functions of NumPy arrays, forward and backward
  README.md, docs/, examples/       in the source repository: an introduction, guides, programs to run
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: that of the command, or 130 after Ctrl-C.

    Arguments after the name of a command belong to the command.
    """
    parser = argparse.ArgumentParser(
        prog="python -m seqfuse",
        description="Without a command: print versions, instruction set, number of threads, and next steps.",
    )
    commands = parser.add_subparsers(dest="command", metavar="command")
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary, add_help=False)
    known, rest = parser.parse_known_args(argv)
    if known.command is not None:
        try:
            return int(import_module(f"seqfuse.{known.command}").main(rest) or 0)
        except KeyboardInterrupt:  # while the command is imported: the commands handle Ctrl-C themselves
            print("\nInterrupted.")
            return 130
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    import seqfuse

    print(seqfuse.info())
    print(f"\n{NEXT_STEPS}", end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
