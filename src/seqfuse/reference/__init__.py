"""The operations of seqfuse.functional in plain NumPy, written to be read.

The functions, signatures and results are those of `seqfuse.functional`. Packed weights, streams and decoding are
omitted. A function computes in the widest dtype of its arguments, which may be `numpy.longdouble` here, so that float64
kernels can be tested too. Arguments are not checked, because `seqfuse.functional` checks them. The update rules of the
optimizers other than Adam exist only here and in `seqfuse.optimizers`.

Only the tests and the benchmark import this package. It imports only numpy, the cells, the activations and the result
types.
"""

from seqfuse.reference.adam import adam_update
from seqfuse.reference.attention import AttentionTape, attention, attention_backward, attention_forward
from seqfuse.reference.cells import (
    gru,
    gru_backward,
    gru_forward,
    indrnn,
    indrnn_backward,
    indrnn_forward,
    lstm,
    lstm_backward,
    lstm_forward,
    mingru,
    mingru_backward,
    mingru_forward,
    rnn,
    rnn_backward,
    rnn_forward,
)
from seqfuse.reference.cross_entropy import (
    SoftmaxCrossEntropyTape,
    softmax_cross_entropy,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
)
from seqfuse.reference.ctc import CTCLossTape, ctc_loss, ctc_loss_backward, ctc_loss_forward
from seqfuse.reference.dense import DenseTape, dense, dense_backward, dense_forward
from seqfuse.reference.dropout import DropoutTape, dropout, dropout_backward, dropout_forward, philox4x32
from seqfuse.reference.embedding import EmbeddingTape, embedding, embedding_backward, embedding_forward
from seqfuse.reference.gelu import GELUTape, gelu, gelu_backward, gelu_forward
from seqfuse.reference.layer_norm import LayerNormTape, layer_norm, layer_norm_backward, layer_norm_forward
from seqfuse.reference.multi_head_attention import (
    MultiHeadAttentionTape,
    multi_head_attention,
    multi_head_attention_backward,
    multi_head_attention_forward,
)
from seqfuse.reference.optimizer_rules import adagrad_update, amsgrad_update, rmsprop_update, sgd_update
from seqfuse.reference.positions import rotary_tables, sinusoidal_positions
from seqfuse.reference.readout import ReadoutTape, readout, readout_backward, readout_forward
from seqfuse.reference.recurrent import RecurrentTape
from seqfuse.reference.rms_norm import RMSNormTape, rms_norm, rms_norm_backward, rms_norm_forward
from seqfuse.reference.rotary import RotaryTape, rotary, rotary_backward, rotary_forward
from seqfuse.reference.silu import SiLUTape, silu, silu_backward, silu_forward
from seqfuse.reference.softmax import SoftmaxTape, softmax, softmax_backward, softmax_forward

__all__ = [
    "AttentionTape",
    "CTCLossTape",
    "DenseTape",
    "DropoutTape",
    "EmbeddingTape",
    "GELUTape",
    "LayerNormTape",
    "MultiHeadAttentionTape",
    "RMSNormTape",
    "ReadoutTape",
    "RecurrentTape",
    "RotaryTape",
    "SiLUTape",
    "SoftmaxCrossEntropyTape",
    "SoftmaxTape",
    "adagrad_update",
    "adam_update",
    "amsgrad_update",
    "attention",
    "attention_backward",
    "attention_forward",
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
    "philox4x32",
    "readout",
    "readout_backward",
    "readout_forward",
    "rms_norm",
    "rms_norm_backward",
    "rms_norm_forward",
    "rmsprop_update",
    "rnn",
    "rnn_backward",
    "rnn_forward",
    "rotary",
    "rotary_backward",
    "rotary_forward",
    "rotary_tables",
    "sgd_update",
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
]


def __dir__() -> list[str]:
    return sorted(__all__)
