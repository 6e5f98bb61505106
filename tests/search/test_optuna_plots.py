"""Optuna's plots of a search, as a page of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from search_fakes import record

from search.optuna_plots import FEWEST_FOR_IMPORTANCE, write_optuna_plots
from search.searcher import OptunaRecord
from search.space import FloatRange, IntRange

SPACE = {"batch_size": IntRange(low=1, high=64), "head_learning_rate": FloatRange(low=1e-4, high=1.0, log=True)}


@pytest.mark.parametrize("trials", [1, FEWEST_FOR_IMPORTANCE])
def test_a_page_for_any_number_of_trials(tmp_path: Path, trials: int) -> None:
    """One trial is enough for a page; an importance appears with enough trials only, and says how many it rests on."""
    journal = tmp_path / "optuna.journal"
    writer = OptunaRecord(journal, "demo", "image", SPACE, {})
    for number in range(trials):
        params = {"batch_size": number + 1, "head_learning_rate": 0.001 * (number + 1)}
        writer.trial_ended(record(number, (0.5, 0.5 + number / 100), params=params, config=params))
    page = write_optuna_plots(tmp_path, journal, "demo", ["image"]).read_text()
    assert page.count("val accuracy") > 0
    assert ("importances, from 10 complete trials" in page) == (trials == FEWEST_FOR_IMPORTANCE)
    assert page.count("<script") < 10  # plotly's own script once, then a small one a plot
    assert "cdn.plot.ly/plotly" not in page[:2000]
    assert not list(tmp_path.glob("*.part"))
