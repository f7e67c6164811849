"""Layers with Keras's names, arguments and numbers: a forward that returns its tape, a backward that reads it."""

from seqfuse.layers.activation import Activation, ReLU, Softmax
from seqfuse.layers.additive_attention import AdditiveAttention
from seqfuse.layers.attention import Attention
from seqfuse.layers.bidirectional import Bidirectional
from seqfuse.layers.conv1d import Conv1D
from seqfuse.layers.dense import Dense
from seqfuse.layers.dropout import Dropout
from seqfuse.layers.embedding import Embedding
from seqfuse.layers.gru import GRU
from seqfuse.layers.input import Input, InputLayer
from seqfuse.layers.layer import Layer
from seqfuse.layers.layer_normalization import LayerNormalization
from seqfuse.layers.lstm import LSTM
from seqfuse.layers.masking import Masking
from seqfuse.layers.merging import Add, Average, Concatenate, Maximum, Multiply, Subtract
from seqfuse.layers.multi_head_attention import MultiHeadAttention
from seqfuse.layers.pooling import GlobalAveragePooling1D, GlobalMaxPooling1D
from seqfuse.layers.positions import PositionEmbedding, SinePositionEncoding
from seqfuse.layers.readout import Readout
from seqfuse.layers.reshaping import Flatten, RepeatVector, Reshape
from seqfuse.layers.simple_rnn import SimpleRNN
from seqfuse.layers.time_distributed import TimeDistributed
from seqfuse.layers.transformer_decoder import TransformerDecoder
from seqfuse.layers.transformer_encoder import TransformerEncoder
from seqfuse.layers.window_pooling import AveragePooling1D, MaxPooling1D

__all__ = [
    "GRU",
    "LSTM",
    "Activation",
    "Add",
    "AdditiveAttention",
    "Attention",
    "Average",
    "AveragePooling1D",
    "Bidirectional",
    "Concatenate",
    "Conv1D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAveragePooling1D",
    "GlobalMaxPooling1D",
    "Input",
    "InputLayer",
    "Layer",
    "LayerNormalization",
    "Masking",
    "MaxPooling1D",
    "Maximum",
    "MultiHeadAttention",
    "Multiply",
    "PositionEmbedding",
    "ReLU",
    "Readout",
    "RepeatVector",
    "Reshape",
    "SimpleRNN",
    "SinePositionEncoding",
    "Softmax",
    "Subtract",
    "TimeDistributed",
    "TransformerDecoder",
    "TransformerEncoder",
]
