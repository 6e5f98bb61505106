"""Optuna's plots of a search, as a page of its own."""

from __future__ import annotations

import json
from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import create_trial
from search_fakes import SPACE
from tracking_fakes import begin, new_study, whole_trial

from search.exports.optuna_journal import OptunaRecord
from search.exports.optuna_plots import FEWEST_FOR_IMPORTANCE, _figures, write_importances, write_optuna_plots
from search.exports.rebuild import rebuild


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
    write_importances(tmp_path / "importances.json", layout.optuna_journal, "demo", ["image"])
    found = json.loads((tmp_path / "importances.json").read_text())
    assert set(found) == ({"image"} if trials == FEWEST_FOR_IMPORTANCE else set())
    if found:
        assert found["image"]["trials"] == FEWEST_FOR_IMPORTANCE
        assert set(found["image"]["shares"]) >= {"batch_size", "head_learning_rate"}
        assert sum(found["image"]["shares"].values()) == pytest.approx(1)


def test_of_heads_alone_nothing_is_drawn(tmp_path: Path) -> None:
    """The page says so."""
    config, layout, ledger = new_study(tmp_path)
    begin(ledger)
    rebuild(layout.folder, config)
    page = write_optuna_plots(tmp_path, layout.optuna_journal, "demo", ["image"]).read_text()
    assert "Nothing was fine-tuned." in page
    assert "<script" not in page


@pytest.mark.parametrize("trials", [1, FEWEST_FOR_IMPORTANCE])
def test_two_objectives_have_their_front(tmp_path: Path, trials: int) -> None:
    """The front takes the place of the curves by epoch; every other plot is of val accuracy."""
    two = {"space": SPACE, "objectives": ["val_accuracy", "latency"], "scheduler": {"name": "none"}}
    config, layout, ledger = new_study(tmp_path, image={"search": two})
    rebuild(layout.folder, config)
    ledger.listeners.append(OptunaRecord(layout.optuna_journal, config))
    begin(ledger)
    for number in range(trials):
        changed = {"batch_size": 16 * (1 + number % 4), "head_learning_rate": 0.001 * (1 + number % 10)}
        whole_trial(ledger, number, (0.5, 0.5 + number / 100), "completed", config=changed)
    page = write_optuna_plots(tmp_path, layout.optuna_journal, "demo", ["image"]).read_text()
    assert "Pareto-front Plot" in page
    assert "Intermediate Values Plot" not in page
    assert ("importances, from 10 complete trials" in page) == (trials == FEWEST_FOR_IMPORTANCE)


def test_importances_are_those_of_a_high_accuracy() -> None:
    """With two objectives as with one: Optuna takes a target's low values for good ones, so that it is given losses."""
    space = {"a": FloatDistribution(0, 1), "b": FloatDistribution(0, 1)}
    found = []
    for directions in (["maximize"], ["maximize", "minimize"]):
        study = optuna.create_study(directions=directions)
        if len(directions) > 1:
            with pytest.warns(optuna.exceptions.ExperimentalWarning):
                study.set_metric_names(["val_accuracy", "size"])
        for number in range(40):
            params = {"a": number / 40, "b": (number * 17 % 40) / 40}
            values = [params["a"] ** 8, 1.0][: len(directions)]
            study.add_trial(create_trial(params=params, distributions=space, values=values))
        (figure,) = [one for one in _figures(study) if "importances" in (one.layout.title.text or "")]
        found.append(dict(zip(figure.data[0].y, figure.data[0].x, strict=True)))
    assert found[0] == pytest.approx(found[1])
