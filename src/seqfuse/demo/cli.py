"""The command line of the demo: the text, its n-grams, a table of epochs, a paragraph, a picture."""

from __future__ import annotations

import argparse
import contextlib
import sys
import textwrap
from pathlib import Path

import seqfuse as sf
from seqfuse.demo import picture
from seqfuse.demo.model import Settings, compiled
from seqfuse.demo.ngrams import Floats, NGrams
from seqfuse.demo.progress import Progress
from seqfuse.demo.text import Text, corpus, split
from seqfuse.demo.train import Epoch, train
from seqfuse.demo.write import write
from seqfuse.models import Sequential

FULL = Settings()
QUICK = Settings(hidden=128, chunk=32, epochs=2)
ORDER = 5  # of the n-grams; more characters of context make them worse on a text of this length


def parser() -> argparse.ArgumentParser:
    """The arguments of `python -m seqfuse demo`."""
    result = argparse.ArgumentParser(
        prog="python -m seqfuse demo",
        description="Train a character model of CPython's documentation and let it write.",
    )
    result.add_argument("--quick", action="store_true", help="a taste in seconds: a smaller model, two epochs")
    result.add_argument("--epochs", type=int, metavar="N", help="how often the text is read (10; 2 with --quick)")
    result.add_argument("--threads", type=int, metavar="N", help="threads of the kernels (all there are)")
    result.add_argument("--seed", type=int, default=0, metavar="N", help="of weights, dropout and writing (0)")
    result.add_argument(
        "--picture",
        default="seqfuse-demo.png",
        metavar="PATH",
        help="where the learning curve goes, if matplotlib is installed (seqfuse-demo.png; '' for none)",
    )
    return result


def main(argv: list[str] | None = None) -> int:
    """Run the demo; 0 at its end, 1 without its picture, 130 if Ctrl-C came before there was anything to show."""
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
        print("\nstopped")
        return 130


def run(settings: Settings, picture_path: str) -> int:
    """Everything the demo does once its arguments are read."""
    characters = corpus()
    text = split(characters)
    print(
        f"{len(characters):,} characters of CPython's documentation, {len(text.vocabulary)} different ones; "
        f"the last {len(text.held):,} are held out"
    )
    ngrams = NGrams(text.train, len(text.vocabulary), ORDER).bits(text.held)
    model = compiled(text, settings)
    print(
        f"embedding {settings.embedding}, LSTM {settings.hidden}, {model.count_params():,} parameters; "
        f"batch {settings.batch}, chunks of {settings.chunk}, threads {sf.get_num_threads()}"
    )
    epochs = learn(model, text, settings, ngrams)
    show_writing(model, text, settings)
    if epochs and picture_path and picture.can_draw():
        try:
            picture.draw(Path(picture_path), epochs, ngrams)
        except (OSError, ValueError) as error:  # a folder that is not ours, an ending that matplotlib does not know
            print(f"\nno learning curve: {error}", file=sys.stderr)
            return 1
        print(f"\nlearning curve: {picture_path}")
    return 0


def learn(model: Sequential, text: Text, settings: Settings, ngrams: Floats) -> list[Epoch]:
    """Train the model and print a line an epoch; Ctrl-C ends it early with what there is."""
    orders = "".join(f"{order:7d}" for order in range(len(ngrams)))
    beside = "".join(f"{bits:7.3f}" for bits in ngrams)
    print(f"\nbits per character:  LSTM  | {'n-grams of order, held-out':{len(beside)}} |")
    print(f"  epoch learning  held-out | {orders} | characters/s")
    done: list[Epoch] = []
    progress = Progress(settings.epochs * (len(text.train) - 1), "learning")

    def tell(epoch: Epoch) -> None:
        done.append(epoch)
        number = f"{epoch.number}/{settings.epochs}"
        speed = f"{epoch.characters / epoch.seconds:12,.0f}"
        progress.print(f"{number:>7} {epoch.train_bits:8.3f}  {epoch.held_bits:8.3f} | {beside} | {speed}")

    try:
        with progress:
            train(model, text, settings, tell, progress.advance)
    except KeyboardInterrupt:
        print("stopped; this is what it has learnt so far")
    if done:
        beaten = [str(order) for order, bits in enumerate(ngrams) if done[-1].held_bits < bits]
        seconds = sum(epoch.seconds for epoch in done)
        print(f"\n{seconds:.1f} s in all; better than the n-grams of order {', '.join(beaten) or 'none'}")
    return done


def show_writing(model: Sequential, text: Text, settings: Settings) -> None:
    """Print a paragraph, and how long a character took."""
    temperature = 0.7
    written = write(model, text, temperature=temperature, seed=settings.seed)
    print(f"\nIt writes (temperature {temperature}):\n")
    encoding = sys.stdout.encoding or "ascii"
    print(textwrap.indent(written.text.strip(), "    ").encode(encoding, "replace").decode(encoding))
    print(
        f"\n{written.microseconds:.1f} us per character, {written.step_microseconds:.1f} us of them in stream.step, "
        "the LSTM"
    )
