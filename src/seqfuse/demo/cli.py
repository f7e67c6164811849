"""Command line of the demo: text, n-gram baseline, training, a sample of text, a learning curve."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

import seqfuse as sf
from seqfuse.demo import picture
from seqfuse.demo.model import Settings, build_model
from seqfuse.demo.ngrams import Floats, NGrams
from seqfuse.demo.progress import Progress
from seqfuse.demo.text import Text, corpus, split
from seqfuse.demo.train import Epoch, train
from seqfuse.demo.write import write
from seqfuse.models import Sequential

FULL = Settings()
# Chosen by the bits per character on the last ninth of the training text, without the test text. These settings need
# 1.81 bits there, the 5-gram model 1.93. Ten other candidates needed 1.77 to 2.28; the one with fewer bits took longer.
QUICK = Settings(hidden=192, chunk=32, epochs=2, dropout=0.0, learning_rate=8e-3)
MAX_N = 6  # of the n-gram models: the 6-gram model is already worse than the 5-gram model on a text of this length
TEMPERATURE = 0.7
LINE_LENGTH = 100  # longer lines of the sample are cut


def parser() -> argparse.ArgumentParser:
    """Return the parser of ``python -m seqfuse demo``."""
    result = argparse.ArgumentParser(
        prog="python -m seqfuse demo",
        description="Train an LSTM on CPython's documentation, character by character, and let it write. Ctrl-C ends "
        "training early and shows the result so far.",
    )
    result.add_argument("--quick", action="store_true", help="a smaller model and two epochs, in about half a minute")
    result.add_argument("--epochs", type=int, metavar="N", help="passes over the training text (10; 2 with --quick)")
    result.add_argument("--threads", type=int, metavar="N", help="number of threads (all that are available)")
    result.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of initial weights, dropout and sampled text (0)"
    )
    result.add_argument(
        "--picture",
        default="seqfuse-demo.png",
        metavar="PATH",
        help="file for the learning curve, if matplotlib is installed; '' for none (seqfuse-demo.png)",
    )
    return result


def main(argv: list[str] | None = None) -> int:
    """Run the demo and return its exit status: 0, or 1 if the picture cannot be saved, or 130 after Ctrl-C.

    A Ctrl-C during training only ends training; the status is 130 if it comes at any other time.
    """
    arguments = parser().parse_args(argv)
    for name in ("epochs", "threads"):
        number = getattr(arguments, name)
        if number is not None and number < 1:
            parser().error(f"--{name} must be at least 1; got {number}")
    if not 0 <= arguments.seed < 2**32:
        parser().error(f"--seed must be in [0, 2**32); got {arguments.seed}")
    if not Path(arguments.picture).parent.is_dir():
        parser().error(f"--picture: there is no directory {Path(arguments.picture).parent}")
    settings = (QUICK if arguments.quick else FULL)._replace(seed=arguments.seed)
    if arguments.epochs is not None:
        settings = settings._replace(epochs=arguments.epochs)
    threads = contextlib.nullcontext() if arguments.threads is None else sf.num_threads(arguments.threads)
    try:
        with threads:
            return run(settings, arguments.picture)
    except KeyboardInterrupt:
        print("\nInterrupted.")
        return 130


def run(settings: Settings, picture_path: str) -> int:
    """Run the demo with these settings and return its exit status."""
    characters = corpus()
    text = split(characters)
    print(
        f"Text:     CPython's documentation, {len(characters):,} characters, {len(text.vocabulary)} distinct. The last "
        f"{len(text.test):,}\n          are the test text, which the model is not trained on."
    )
    ngrams = NGrams(text.train, len(text.vocabulary), MAX_N).bits(text.test)
    model = build_model(text, settings)
    print(
        f"Model:    embedding of {settings.embedding} features, LSTM of {settings.hidden} units, dense layer; "
        f"{model.count_params():,} parameters.\n"
        f"Training: {settings.batch} streams of text in parallel, {settings.chunk} characters of each per update, "
        f"{sf.get_num_threads()} thread(s)."
    )
    epochs = learn(model, text, settings, ngrams)
    show_sample(model, text, settings)
    if epochs and picture_path:
        if not picture.can_draw():
            print("\nNo learning curve: matplotlib is not installed. Run: pip install 'seqfuse[demo]'")
            return 0
        try:
            picture.draw(Path(picture_path), epochs, ngrams)
        except (OSError, ValueError) as error:  # no permission, or a file type that matplotlib does not know
            print(f"\nNo learning curve: {error}", file=sys.stderr)
            return 1
        print(f"\nLearning curve: {picture_path}")
    return 0


def learn(model: Sequential, text: Text, settings: Settings, ngrams: Floats) -> list[Epoch]:
    """Train the model and print a line per epoch. Ctrl-C ends training early. Return the epochs that were finished."""
    print(
        "\nBits per character: the mean of -log2(probability of the next character). Lower is better.\n\n"
        f"{'test text':>34}\n" + "".join(f"{f'{n}-gram model':>23}{bits:11.3f}\n" for n, bits in enumerate(ngrams, 1))
    )
    print(f"  LSTM, epoch{'training text':>15}{'test text':>12}{'seconds':>10}{'characters/s':>15}")
    done: list[Epoch] = []
    progress = Progress(settings.epochs * (len(text.train) - 1), "training")

    def report(epoch: Epoch) -> None:
        done.append(epoch)
        number = f"{epoch.number}/{settings.epochs}"
        progress.print(
            f"{number:>13}{epoch.train_bits:15.3f}{epoch.test_bits:12.3f}{epoch.seconds:10.1f}"
            f"{epoch.characters / epoch.seconds:15,.0f}"
        )

    try:
        with progress:
            train(model, text, settings, report, progress.advance)
    except KeyboardInterrupt:
        print("\nTraining interrupted. This is the result so far.")
    if done:
        print(f"\n{sum(epoch.seconds for epoch in done):.1f} s of training. {verdict(done[-1].test_bits, ngrams)}")
    return done


def verdict(bits: float, ngrams: Floats) -> str:
    """Return a sentence that compares the LSTM with the n-gram models on the test text.

    Examples
    --------
    >>> import numpy as np
    >>> verdict(2.0, np.array([4.5, 2.5, 1.9]))
    'On the test text the LSTM is better than these n-gram models: 1-gram, 2-gram.'
    """
    better = [f"{n}-gram" for n, baseline in enumerate(ngrams, 1) if bits < baseline]
    if not better:
        return "On the test text every n-gram model is better than the LSTM."
    if len(better) == len(ngrams):
        return "On the test text the LSTM is better than every n-gram model."
    return f"On the test text the LSTM is better than these n-gram models: {', '.join(better)}."


def show_sample(model: Sequential, text: Text, settings: Settings) -> None:
    """Print a sample of text and the time per character."""
    sample = write(model, text, temperature=TEMPERATURE, seed=settings.seed)
    print(f"\nThe LSTM writes (temperature {TEMPERATURE}, lines cut after {LINE_LENGTH} characters):\n")
    encoding = sys.stdout.encoding or "ascii"
    for line in sample.text.strip().splitlines():
        print(f"    {cut(line)}".rstrip().encode(encoding, "replace").decode(encoding))
    print(
        f"\nWriting took {sample.microseconds:.1f} us per character; {sample.step_microseconds:.1f} us of this is the "
        "LSTM (stream.step)."
    )


def cut(line: str) -> str:
    """Return a line of at most `LINE_LENGTH` characters, with "..." at the end if it was longer."""
    return line if len(line) <= LINE_LENGTH else f"{line[: LINE_LENGTH - 3]}..."
