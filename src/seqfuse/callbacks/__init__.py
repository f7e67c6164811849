"""What happens between the batches and epochs of a training, with Keras's names."""

from seqfuse.callbacks.callback import Callback, CallbackList, History
from seqfuse.callbacks.csv_logger import CSVLogger
from seqfuse.callbacks.early_stopping import EarlyStopping
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
