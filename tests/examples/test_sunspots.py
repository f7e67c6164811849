"""Test the sunspot example: its data, its forecasts, and that no model uses the test years."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).resolve().parents[2] / "examples" / "sunspots.py"


@pytest.fixture
def sunspots(monkeypatch):
    """Import the example as a module, with small models."""
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


def test_sunspots_names_the_extra_when_statsmodels_is_missing(sunspots, monkeypatch):
    monkeypatch.setattr(sunspots.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        SystemExit, match=r"needs statsmodels >= 0\.15.*it is not installed.*pip install \'\.\[sunspots\]\'"
    ):
        sunspots.load()


def test_sunspots_names_the_extra_when_statsmodels_has_no_monthly_data(sunspots, series, monkeypatch):
    monkeypatch.setattr(sunspots.Path, "exists", lambda path: False)
    with pytest.raises(SystemExit, match=r"for the monthly data; got 0\..*pip install '\.\[sunspots\]'"):
        sunspots.load()


def test_sunspots_series_is_the_monthly_series(series):
    assert series.first_year == 1749
    assert series.numbers.shape == (260 * 12,)
    assert list(series.numbers[:3]) == [58.0, 62.6, 70.0]
    assert series.numbers[-1] == 0.8  # December 2008
    assert series.numbers[series.validation] == 101.6  # January 1950
    assert series.numbers[series.test] == 159.6  # January 1980


def test_sunspots_forecasts_do_not_depend_on_the_test_years(sunspots, series):
    numbers = series.numbers.copy()
    numbers[series.test :] = np.nan
    without_test = series._replace(numbers=numbers)
    origins = np.array([series.validation, series.test])
    for make in (
        lambda given: sunspots.GRUForecaster(given, "square roots", 24, 2, 0),
        lambda given: sunspots.ARForecaster(given, "square roots", series.test),
    ):
        forecasts = [make(given).forecast(given, origins) for given in (series, without_test)]
        assert np.isfinite(forecasts[0]).all()
        np.testing.assert_array_equal(*forecasts)


def test_sunspots_ar_forecast_agrees_with_statsmodels(sunspots, series):
    from statsmodels.tsa.ar_model import AutoReg

    ar = sunspots.ARForecaster(series, "sunspot numbers", series.test)
    fitted = AutoReg(series.numbers[: series.test], ar.order).fit()
    expected = fitted.predict(series.test, series.test + 11)
    np.testing.assert_allclose(ar.forecast(series, np.array([series.test]))[0], expected, rtol=1e-10)


def test_sunspots_prints_errors_and_draws(sunspots, series, monkeypatch, capsys, tmp_path):
    path = tmp_path / "sunspots.png"
    monkeypatch.setattr(sys, "argv", ["sunspots.py", "--epochs", "1", "--picture", str(path)])
    sunspots.main()
    table = capsys.readouterr().out.partition("by months ahead\n")[2].splitlines()
    errors = {line[:16].strip(): [float(number) for number in line[16:].split()] for line in table[1:4]}
    gru, ar, last = errors["GRU"], errors["AR(6)"], errors["last month"]
    assert len(gru) == len(ar) == len(last) == 5
    assert ar[-1] < last[-1]
    assert last[0] == pytest.approx(
        float(np.sqrt(np.mean(np.diff(series.numbers[series.test - 1 :])[:-11] ** 2))), abs=0.01
    )
    assert path.exists() == (importlib.util.find_spec("matplotlib") is not None)
