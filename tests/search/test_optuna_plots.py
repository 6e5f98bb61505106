"""Optuna's plots of a search, as a page of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tracking_fakes import begin, new_study, whole_trial

from search.optuna_plots import FEWEST_FOR_IMPORTANCE, write_optuna_plots
from search.projections import OptunaRecord


@pytest.mark.parametrize("trials", [1, FEWEST_FOR_IMPORTANCE])
def test_a_page_for_any_number_of_trials(tmp_path: Path, trials: int) -> None:
    """One trial is enough for a page; an importance appears with enough trials only, and says how many it rests on."""
    config, layout, ledger = new_study(tmp_path)
    ledger.listeners.append(OptunaRecord(layout.optuna_journal, config))
    begin(ledger)
    for number in range(trials):
        changed = {"batch_size": 16 * (1 + number % 4), "head_learning_rate": 0.001 * (1 + number % 10)}
        whole_trial(ledger, number, (0.5, 0.5 + number / 100), "completed", config=changed)
    page = write_optuna_plots(tmp_path, layout.optuna_journal, "demo", ["image"]).read_text()
    assert page.count("val accuracy") > 0
    assert ("importances, from 10 complete trials" in page) == (trials == FEWEST_FOR_IMPORTANCE)
    assert page.count("<script") < 10  # plotly's own script once, then a small one a plot
    assert "cdn.plot.ly/plotly" not in page[:2000]
    assert not list(tmp_path.glob("*.part"))
