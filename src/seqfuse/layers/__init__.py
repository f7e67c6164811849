"""Layers with Keras's names, arguments and numbers: a forward that returns its tape, a backward that reads it."""

from seqfuse.layers.dense import Dense
from seqfuse.layers.gru import GRU
from seqfuse.layers.input import Input, InputLayer
from seqfuse.layers.layer import Layer
from seqfuse.layers.lstm import LSTM
from seqfuse.layers.simple_rnn import SimpleRNN

__all__ = [
    "GRU",
    "LSTM",
    "Dense",
    "Input",
    "InputLayer",
    "Layer",
    "SimpleRNN",
]
