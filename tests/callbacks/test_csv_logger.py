"""CSVLogger: the lines that it writes and appends."""

import pytest

from callbacks.fitting import compiled, x, y
from seqfuse.callbacks import CSVLogger


def test_csv_logger_writes_one_line_per_epoch(tmp_path):
    path = tmp_path / "log.csv"
    history = compiled(metrics=["mae"]).fit(x, y, epochs=2, callbacks=[CSVLogger(path)], verbose=0)
    lines = path.read_text().splitlines()
    assert lines[0] == "epoch,loss,mae,val_loss,val_mae"
    loss, mae = (history.history[name][1] for name in ("loss", "mae"))
    assert lines[2] == f"1,{loss},{mae},NA,NA"
    assert len(lines) == 3


def test_csv_logger_appends_without_a_second_header(tmp_path):
    path, model = tmp_path / "log.csv", compiled()
    for first in (0, 1):
        model.fit(x, y, initial_epoch=first, epochs=first + 1, callbacks=[CSVLogger(path, ";", True)], verbose=0)
    lines = path.read_text().splitlines()
    assert [line.split(";")[0] for line in lines] == ["epoch", "0", "1"]
    model.fit(x, y, callbacks=[CSVLogger(path)], verbose=0)
    assert len(path.read_text().splitlines()) == 2


def test_csv_logger_has_written_an_epoch_when_the_next_epoch_fails(tmp_path):
    path = tmp_path / "log.csv"

    def batches():
        yield x, y
        raise RuntimeError("no further batch")

    logger = CSVLogger(path)
    with pytest.raises(RuntimeError, match="no further batch"):
        compiled().fit(batches(), epochs=2, steps_per_epoch=1, callbacks=[logger], verbose=0)
    assert len(path.read_text().splitlines()) == 2
    logger.on_train_end()
