"""Callbacks: objects whose methods `fit`, `evaluate` and `predict` call between batches and epochs, as in Keras."""

from seqfuse.callbacks.callback import Callback
from seqfuse.callbacks.callback_list import CallbackList
from seqfuse.callbacks.csv_logger import CSVLogger
from seqfuse.callbacks.early_stopping import EarlyStopping
from seqfuse.callbacks.history import History
from seqfuse.callbacks.lambda_callback import LambdaCallback
from seqfuse.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from seqfuse.callbacks.model_checkpoint import ModelCheckpoint
from seqfuse.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]


def __dir__() -> list[str]:
    return sorted(__all__)
