"""The article's four models on the same data: what each costs, and how well it learns where the order matters.

A sample is 24 noisy values of a sine of any phase and of some period between 8 and 24 steps; wanted is the sine itself,
two steps on. What is needed is the direction in which it runs, which the same values in another order do not tell.
Beside each value stands when it was, from -1 to 1: attention sees no order otherwise.

python examples/article/four_models.py [--samples 2000] [--epochs 20] [--picture four_models.png]

With one thread of an Intel Xeon (Sapphire Rapids), which others used too; the losses are means of (y - truth)**2, those
of the last epoch and those of sequences that were held out, and they are the same for any number of threads:

               parameters  seconds     loss  held out
    SimpleRNN       1,153     0.56   0.0057    0.0071
    LSTM            4,513     0.94   0.0042    0.0048
    GRU             3,489     0.74   0.0050    0.0049
    Transformer     9,409     4.25   0.0155    0.0169
    last value          0                      0.3666
"""

from __future__ import annotations

import argparse
import importlib.util
import time

import numpy as np

from seqfuse.callbacks import Callback
from seqfuse.layers import (
    GRU,
    LSTM,
    Add,
    Dense,
    Flatten,
    Input,
    LayerNormalization,
    MultiHeadAttention,
    SimpleRNN,
)
from seqfuse.models import Model, Sequential
from seqfuse.optimizers import Adam
from seqfuse.utils import set_random_seed

STEPS, AHEAD, NOISE = 24, 2, 0.1
UNITS = 32


def sines(samples, rng):
    """x (samples, STEPS, 2), noisy values and their times; y (samples, 1), the value AHEAD steps after the last."""
    period, phase = rng.uniform(8, 24, (samples, 1)), rng.uniform(0, 2 * np.pi, (samples, 1))
    clean = np.sin(phase + 2 * np.pi * np.arange(STEPS + AHEAD) / period)
    noisy = clean[:, :STEPS] + NOISE * rng.normal(size=(samples, STEPS))
    times = np.broadcast_to(np.linspace(-1, 1, STEPS), noisy.shape)
    return np.stack([noisy, times], axis=-1), clean[:, -1:]


def recurrent(layer):
    """The last state of a recurrent layer, and what it says of the sine."""
    return Sequential([Input((STEPS, 2)), layer, Dense(1)])


def transformer():
    """One block: attention of every step to every step, two products at each step, both added to what they see."""
    inputs = Input((STEPS, 2))
    x = Dense(UNITS)(inputs)
    normal = LayerNormalization()(x)
    x = Add()([x, MultiHeadAttention(4, UNITS // 4)(normal, normal)])
    wide = Dense(2 * UNITS, activation="relu")(LayerNormalization()(x))
    x = Add()([x, Dense(UNITS)(wide)])
    return Model(inputs, Dense(1)(Flatten()(x)))


MODELS = {
    "SimpleRNN": lambda: recurrent(SimpleRNN(UNITS)),
    "LSTM": lambda: recurrent(LSTM(UNITS)),
    "GRU": lambda: recurrent(GRU(UNITS)),
    "Transformer": transformer,
}


class Clock(Callback):
    """How many seconds of learning there were at the end of each epoch, validation not counted."""

    def on_train_begin(self, logs=None):
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.ended = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(sum(self.seconds[-1:]) + self.ended - self.began)


def learn(samples, epochs):
    """Train each model on the same data; by name: its seconds, losses and held-out losses, epoch by epoch."""
    rng = np.random.default_rng(0)
    x, y = sines(samples, rng)
    held_out = sines(1000, rng)
    found = {}
    print(f"{'':12}{'parameters':>11}{'seconds':>9}{'loss':>9}{'held out':>10}")
    for name, make in MODELS.items():
        set_random_seed(0)
        model, clock = make(), Clock()
        model.compile(optimizer=Adam(3e-3), loss="mse")
        history = model.fit(x, y, epochs=epochs, validation_data=held_out, callbacks=[clock], verbose=0).history
        found[name] = clock.seconds, history["loss"], history["val_loss"]
        end = f"{clock.seconds[-1]:9.2f}{history['loss'][-1]:9.4f}{history['val_loss'][-1]:10.4f}"
        print(f"{name:12}{model.count_params():11,}{end}", flush=True)
    last = np.mean((held_out[0][:, -1, :1] - held_out[1]) ** 2)
    print(f"{'last value':12}{0:11,}{'':18}{last:10.4f}")
    return found


def draw(found, path):
    """Save the held-out losses over the seconds of learning."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for name, (seconds, _, held_out) in found.items():
        axes.plot(seconds, held_out, ".-", label=name)
    axes.set_yscale("log")
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds of learning")
    axes.set_ylabel("mean squared error, held-out sequences")
    axes.set_title(f"A noisy sine, {AHEAD} steps ahead: one dot an epoch")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(path, dpi=150)


def main():
    """The table, and the picture where matplotlib is installed."""
    parser = argparse.ArgumentParser(description="The article's four models on the same data.")
    parser.add_argument("--samples", type=int, default=2000, help="sequences to learn from (2000)")
    parser.add_argument("--epochs", type=int, default=20, help="how often they are gone through (20)")
    parser.add_argument("--picture", default="four_models.png", help="where it goes (four_models.png; '' for none)")
    arguments = parser.parse_args()
    found = learn(arguments.samples, arguments.epochs)
    if arguments.picture and importlib.util.find_spec("matplotlib") is not None:
        draw(found, arguments.picture)
        print(f"\npicture: {arguments.picture}")


if __name__ == "__main__":
    main()
