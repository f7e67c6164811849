"""The example of the sunspots: its numbers, its forecasts, and what is held out."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).resolve().parents[2] / "examples" / "sunspots.py"


@pytest.fixture
def sunspots(monkeypatch):
    """The example as a module, with choices that are made quickly."""
    spec = importlib.util.spec_from_file_location("sunspots_example", PATH)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "sunspots_example", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "WINDOWS", (24,))
    monkeypatch.setattr(module, "MAX_ORDER", 6)
    monkeypatch.setattr(module, "UNITS", 4)
    return module


@pytest.fixture
def series(sunspots):
    pytest.importorskip("statsmodels", "0.15")
    return sunspots.load()


def test_sunspots_says_what_to_install(sunspots, monkeypatch):
    monkeypatch.setattr(sunspots.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"pip install .statsmodels>=0\.15"):
        sunspots.load()


def test_sunspots_series_is_the_monthly_one(series):
    assert series.first_year == 1749
    assert series.numbers.shape == (260 * 12,)
    assert list(series.numbers[:3]) == [58.0, 62.6, 70.0]
    assert series.numbers[-1] == 0.8  # December 2008
    assert series.numbers[series.validation] == 101.6  # January 1950
    assert series.numbers[series.held_out] == 159.6  # January 1980


def test_sunspots_nothing_that_is_held_out_reaches_a_model(sunspots, series):
    numbers = series.numbers.copy()
    numbers[series.held_out :] = np.nan
    hidden = series._replace(numbers=numbers)
    at = np.array([series.validation, series.held_out])
    for make in (
        lambda of: sunspots.Recurrent(of, "roots", 24, 2, 0),
        lambda of: sunspots.Autoregressive(of, "roots", series.held_out),
    ):
        forecasts = [make(of).forecast(of, at) for of in (series, hidden)]
        assert np.isfinite(forecasts[0]).all()
        np.testing.assert_array_equal(*forecasts)


def test_sunspots_autoregressive_forecast_is_that_of_statsmodels(sunspots, series):
    from statsmodels.tsa.ar_model import AutoReg

    ar = sunspots.Autoregressive(series, "numbers", series.held_out)
    fitted = AutoReg(series.numbers[: series.held_out], ar.order).fit()
    theirs = fitted.predict(series.held_out, series.held_out + 11)
    np.testing.assert_allclose(ar.forecast(series, np.array([series.held_out]))[0], theirs, rtol=1e-10)


def test_sunspots_prints_both_errors_and_draws(sunspots, series, monkeypatch, capsys, tmp_path):
    path = tmp_path / "sunspots.png"
    monkeypatch.setattr(sys, "argv", ["sunspots.py", "--epochs", "1", "--picture", str(path)])
    sunspots.main()
    held_out = capsys.readouterr().out.partition("held out\n")[2].splitlines()
    errors = {line[:16].strip(): [float(number) for number in line[16:].split()] for line in held_out[1:4]}
    gru, ar, last = errors["GRU"], errors["AR(6)"], errors["last month"]
    assert len(gru) == len(ar) == len(last) == 5
    assert ar[-1] < last[-1]
    assert last[0] == pytest.approx(
        float(np.sqrt(np.mean(np.diff(series.numbers[series.held_out - 1 :])[:-11] ** 2))), abs=0.01
    )
    assert path.exists() == (importlib.util.find_spec("matplotlib") is not None)
