"""Compare the article's four models on the same data: parameters, training time, and error.

A sample is 24 noisy values of a sine with random phase and a random period of 8 to 24 steps. The target is the value of
the noise-free sine two steps later. To predict it, a model must find out in which direction the sine moves, and this
depends on the order of the values. The second input feature is the time of each value, from -1 to 1: attention does not
know the order of its inputs otherwise.

    python examples/article/four_models.py [--samples 2000] [--epochs 20] [--picture four_models.png]

With one thread of an Intel Xeon (Sapphire Rapids) that other programs used too, the program prints this table. The
errors are means of (prediction - target)**2, and are the same on every machine and for every number of threads.

                              training   mean squared error
                  parameters  time (s)   training      test
    SimpleRNN          1,153      0.56     0.0057    0.0071
    LSTM               4,513      0.94     0.0042    0.0048
    GRU                3,489      0.74     0.0050    0.0049
    Transformer        9,409      4.25     0.0155    0.0169
    last value             0                         0.3666
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from pathlib import Path

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
    """Return inputs (samples, STEPS, 2), noisy values and times, and targets (samples, 1), the value AHEAD later."""
    period, phase = rng.uniform(8, 24, (samples, 1)), rng.uniform(0, 2 * np.pi, (samples, 1))
    clean = np.sin(phase + 2 * np.pi * np.arange(STEPS + AHEAD) / period)
    noisy = clean[:, :STEPS] + NOISE * rng.normal(size=(samples, STEPS))
    times = np.broadcast_to(np.linspace(-1, 1, STEPS), noisy.shape)
    return np.stack([noisy, times], axis=-1), clean[:, -1:]


def recurrent(layer):
    """Return a model that predicts the target from the final hidden state of a recurrent layer."""
    return Sequential([Input((STEPS, 2)), layer, Dense(1)])


def transformer():
    """Return a model with one transformer block: self-attention and a feed-forward network, both residual."""
    inputs = Input((STEPS, 2))
    x = Dense(UNITS)(inputs)
    normalized = LayerNormalization()(x)
    x = Add()([x, MultiHeadAttention(4, UNITS // 4)(normalized, normalized)])
    hidden = Dense(2 * UNITS, activation="relu")(LayerNormalization()(x))
    x = Add()([x, Dense(UNITS)(hidden)])
    return Model(inputs, Dense(1)(Flatten()(x)))


MODELS = {
    "SimpleRNN": lambda: recurrent(SimpleRNN(UNITS)),
    "LSTM": lambda: recurrent(LSTM(UNITS)),
    "GRU": lambda: recurrent(GRU(UNITS)),
    "Transformer": transformer,
}


class Clock(Callback):
    """Record the training time in seconds at the end of each epoch, without the time of validation."""

    def on_train_begin(self, logs=None):
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.ended = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(sum(self.seconds[-1:]) + self.ended - self.began)


def compare(samples, epochs):
    """Train each model on the same data and print the table.

    Returns, by the name of the model, three lists with an entry per epoch: training time, training and test error.
    """
    rng = np.random.default_rng(0)
    x, y = sines(samples, rng)
    test = sines(1000, rng)
    print(f"Training four models on {samples:,} noisy sines for {epochs} epochs. A row appears when a model is done.\n")
    print(f"{'training':>34}{'mean squared error':>21}")
    print(f"{'parameters':>24}{'time (s)':>10}{'training':>11}{'test':>10}")
    found = {}
    for name, make in MODELS.items():
        set_random_seed(0)
        model, clock = make(), Clock()
        model.compile(optimizer=Adam(3e-3), loss="mse")
        history = model.fit(x, y, epochs=epochs, validation_data=test, callbacks=[clock], verbose=0).history
        found[name] = clock.seconds, history["loss"], history["val_loss"]
        errors = f"{history['loss'][-1]:11.4f}{history['val_loss'][-1]:10.4f}"
        print(f"{name:12}{model.count_params():12,}{clock.seconds[-1]:10.2f}{errors}", flush=True)
    last_value_error = np.mean((test[0][:, -1, :1] - test[1]) ** 2)
    print(f"{'last value':12}{0:12,}{'':21}{last_value_error:10.4f}")
    print("\nlast value: the error of predicting that the last value stays the same.")
    return found


def draw(found, path):
    """Save a picture of the test error over training time, both on logarithmic axes."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for name, (seconds, _, test_errors) in found.items():
        axes.plot(seconds, test_errors, ".-", label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("training time (s), logarithmic")
    axes.set_ylabel("mean squared error on test sequences, logarithmic")
    axes.set_title(f"Predicting a noisy sine {AHEAD} steps ahead (one dot per epoch)")
    axes.grid(alpha=0.3, which="both")
    axes.legend(title="model")
    figure.savefig(path, dpi=150)


def main():
    """Print the table and, if matplotlib is installed, save the picture."""
    parser = argparse.ArgumentParser(description="Compare the article's four models on the same data.")
    parser.add_argument("--samples", type=int, default=2000, help="number of training sequences (2000)")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the training sequences (20)")
    parser.add_argument("--picture", default="four_models.png", help="file for the picture; '' for none (%(default)s)")
    arguments = parser.parse_args()
    if not Path(arguments.picture).parent.is_dir():
        parser.error(f"--picture: there is no directory {Path(arguments.picture).parent}")
    found = compare(arguments.samples, arguments.epochs)
    if not arguments.picture:
        return
    if importlib.util.find_spec("matplotlib") is None:
        print("\nNo picture: matplotlib is not installed. Run: pip install '.[plot]'")
        return
    draw(found, arguments.picture)
    print(f"\nPicture: {arguments.picture}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("\nInterrupted.")
        sys.exit(130)
