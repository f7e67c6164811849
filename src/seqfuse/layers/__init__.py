"""Layers with the names and arguments of Keras. `forward` returns outputs and a tape; `backward` reads the tape."""

from seqfuse._registry import register
from seqfuse.layers import activations, weight
from seqfuse.layers._activation import Activation, ReLU, Softmax
from seqfuse.layers._additive_attention import AdditiveAttention
from seqfuse.layers._attention import Attention
from seqfuse.layers._bidirectional import Bidirectional
from seqfuse.layers._concatenate import Concatenate
from seqfuse.layers._conv1d import Conv1D
from seqfuse.layers._dense import Dense
from seqfuse.layers._dropout import Dropout
from seqfuse.layers._embedding import Embedding
from seqfuse.layers._gru import GRU
from seqfuse.layers._input import Input, InputLayer
from seqfuse.layers._layer import Layer
from seqfuse.layers._layer_normalization import LayerNormalization
from seqfuse.layers._lstm import LSTM
from seqfuse.layers._masking import Masking
from seqfuse.layers._merging import Add, Average, Maximum, Multiply, Subtract
from seqfuse.layers._multi_head_attention import MultiHeadAttention
from seqfuse.layers._pooling import GlobalAveragePooling1D, GlobalMaxPooling1D
from seqfuse.layers._positions import PositionEmbedding, SinePositionEncoding
from seqfuse.layers._readout import Readout
from seqfuse.layers._reshaping import Flatten, RepeatVector, Reshape
from seqfuse.layers._simple_rnn import SimpleRNN
from seqfuse.layers._time_distributed import TimeDistributed
from seqfuse.layers._transformer_decoder import TransformerDecoder
from seqfuse.layers._transformer_encoder import TransformerEncoder
from seqfuse.layers._window_pooling import AveragePooling1D, MaxPooling1D

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
    "activations",
    "weight",
]

register(__name__, [globals()[name] for name in __all__ if isinstance(globals()[name], type)])


def __dir__() -> list[str]:
    return sorted(__all__)
