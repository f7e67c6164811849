"""Operations on arrays, forward and backward.

The function ``op`` computes an operation. ``op_forward`` also returns a tape, and ``op_backward`` computes the
gradients from the tape.
"""

from seqfuse._deprecation import renamed_function
from seqfuse.functional._attention_tape import AttentionTape
from seqfuse.functional._multi_head import MultiHeadAttentionTape
from seqfuse.functional.adam import adam_update
from seqfuse.functional.attention import attention, attention_backward, attention_forward
from seqfuse.functional.cross_entropy import (
    SoftmaxCrossEntropyTape,
    softmax_cross_entropy,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
)
from seqfuse.functional.ctc import CTCLossTape, ctc_loss, ctc_loss_backward, ctc_loss_forward
from seqfuse.functional.ctc_decode import ctc_beam_decode, ctc_greedy_decode
from seqfuse.functional.dense import DenseTape, dense, dense_backward, dense_forward
from seqfuse.functional.dropout import DropoutTape, dropout, dropout_backward, dropout_forward
from seqfuse.functional.embedding import EmbeddingTape, embedding, embedding_backward, embedding_forward
from seqfuse.functional.foreign_weights import (
    ONNXWeights,
    PyTorchWeights,
    weights_from_onnx,
    weights_from_pytorch,
    weights_to_onnx,
    weights_to_pytorch,
)
from seqfuse.functional.gelu import GELUTape, gelu, gelu_backward, gelu_forward
from seqfuse.functional.gru import GRUTape, gru, gru_backward, gru_forward
from seqfuse.functional.indrnn import IndRNNTape, indrnn, indrnn_backward, indrnn_forward
from seqfuse.functional.kv_cache import KVCache
from seqfuse.functional.layer_norm import LayerNormTape, layer_norm, layer_norm_backward, layer_norm_forward
from seqfuse.functional.lstm import LSTMTape, lstm, lstm_backward, lstm_forward
from seqfuse.functional.mingru import MinGRUTape, mingru, mingru_backward, mingru_forward
from seqfuse.functional.multi_head_attention import (
    multi_head_attention,
    multi_head_attention_backward,
    multi_head_attention_forward,
)
from seqfuse.functional.multi_head_attention_weights_from_torch import multi_head_attention_weights_from_torch
from seqfuse.functional.pack import pack_gru, pack_indrnn, pack_lstm, pack_mingru, pack_rnn
from seqfuse.functional.packed import Packed
from seqfuse.functional.positions import rotary_tables, sinusoidal_positions
from seqfuse.functional.readout import ReadoutTape, readout, readout_backward, readout_forward
from seqfuse.functional.rms_norm import RMSNormTape, rms_norm, rms_norm_backward, rms_norm_forward
from seqfuse.functional.rnn import RNNTape, rnn, rnn_backward, rnn_forward
from seqfuse.functional.rotary import RotaryTape, rotary, rotary_backward, rotary_forward
from seqfuse.functional.silu import SiLUTape, silu, silu_backward, silu_forward
from seqfuse.functional.softmax import SoftmaxTape, softmax, softmax_backward, softmax_forward
from seqfuse.functional.stream import Stream

__all__ = [
    "AttentionTape",
    "CTCLossTape",
    "DenseTape",
    "DropoutTape",
    "EmbeddingTape",
    "GELUTape",
    "GRUTape",
    "IndRNNTape",
    "KVCache",
    "LSTMTape",
    "LayerNormTape",
    "MinGRUTape",
    "MultiHeadAttentionTape",
    "ONNXWeights",
    "Packed",
    "PyTorchWeights",
    "RMSNormTape",
    "RNNTape",
    "ReadoutTape",
    "RotaryTape",
    "SiLUTape",
    "SoftmaxCrossEntropyTape",
    "SoftmaxTape",
    "Stream",
    "adam_update",
    "attention",
    "attention_backward",
    "attention_forward",
    "ctc_beam_decode",
    "ctc_greedy_decode",
    "ctc_loss",
    "ctc_loss_backward",
    "ctc_loss_forward",
    "dense",
    "dense_backward",
    "dense_forward",
    "dropout",
    "dropout_backward",
    "dropout_forward",
    "embedding",
    "embedding_backward",
    "embedding_forward",
    "gelu",
    "gelu_backward",
    "gelu_forward",
    "gru",
    "gru_backward",
    "gru_forward",
    "indrnn",
    "indrnn_backward",
    "indrnn_forward",
    "layer_norm",
    "layer_norm_backward",
    "layer_norm_forward",
    "lstm",
    "lstm_backward",
    "lstm_forward",
    "mingru",
    "mingru_backward",
    "mingru_forward",
    "multi_head_attention",
    "multi_head_attention_backward",
    "multi_head_attention_forward",
    "multi_head_attention_weights_from_torch",
    "pack_gru",
    "pack_indrnn",
    "pack_lstm",
    "pack_mingru",
    "pack_rnn",
    "readout",
    "readout_backward",
    "readout_forward",
    "rms_norm",
    "rms_norm_backward",
    "rms_norm_forward",
    "rnn",
    "rnn_backward",
    "rnn_forward",
    "rotary",
    "rotary_backward",
    "rotary_forward",
    "rotary_tables",
    "silu",
    "silu_backward",
    "silu_forward",
    "sinusoidal_positions",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward",
    "softmax_forward",
    "weights_from_onnx",
    "weights_from_pytorch",
    "weights_to_onnx",
    "weights_to_pytorch",
]

# The old name, until the next minor version.
multi_head_attention_weights = renamed_function("multi_head_attention_weights", multi_head_attention_weights_from_torch)


def __dir__() -> list[str]:
    return sorted(__all__)
