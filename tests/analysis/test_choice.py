"""The trials that a study ends with are those that go best together; heads are candidates like others."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from analysis_fakes import trial
from modality_names import IMAGE, TEXT
from numpy.typing import NDArray

from analysis.choice import MOST, best_heads, chosen_ensemble, chosen_trials, richer_fusions
from analysis.numbers.alpha_choice import FusionRule
from analysis.numbers.ensemble import Limits
from trainables.names import HEAD, RICHER, FusedMetric, trial_name
from trainables.records import Predictions, TrialRecord

LABELS = np.zeros(10, dtype=np.int64)


def head(modality: str, number: int, accuracy: float) -> TrialRecord:
    """A head trial's record."""
    name = trial_name(modality, number, head=True)
    made = trial(modality, number, (accuracy,))
    return dataclasses.replace(
        made, trial_id=name, checkpoint=f"{modality}/{name}/best", config={HEAD: "kernel_ridge"}, params={}
    )


def wrong_at(*rows: int) -> NDArray[np.float32]:
    """Val logits that are wrong, by little, in these rows."""
    logits = np.tile(np.array([1.0, 0.0], dtype=np.float32), (10, 1))
    logits[list(rows)] = [-0.4, 0.0]
    return logits


def test_a_head_that_errs_elsewhere_is_chosen_before_a_better_trial(tmp_path: Path) -> None:
    """What counts is the fusion's accuracy."""
    records = [trial(IMAGE, 0, (0.7,)), trial(TEXT, 0, (0.7,)), head(TEXT, 0, 0.66)]
    kept = {"image_000": wrong_at(0, 1, 2), "text_000": wrong_at(0, 1, 2), "text_head_000": wrong_at(6, 7, 8, 9)}
    chosen = chosen_trials(tmp_path, records, [IMAGE, TEXT], LABELS, lambda folder: kept[folder.parent.name]).trials
    assert {name: one.trial_id for name, one in chosen.items()} == {IMAGE: "image_000", TEXT: "text_head_000"}


def test_without_kept_logits_each_modality_has_its_own_best(tmp_path: Path) -> None:
    """As in studies of before they were kept."""
    records = [trial(IMAGE, 0, (0.7,)), trial(TEXT, 0, (0.7,)), trial(TEXT, 1, (0.8,))]
    chosen = chosen_trials(tmp_path, records, [IMAGE, TEXT], LABELS, lambda folder: None).trials
    assert [one.trial_id for one in chosen.values()] == ["image_000", "text_001"]


def test_the_best_trials_and_every_head_are_looked_at(tmp_path: Path) -> None:
    """Not the many that are worse by themselves, nor what couldn't decide alone."""
    asked: list[str] = []

    def logits(folder: Path) -> NDArray[np.float32]:
        asked.append(folder.parent.name)
        return wrong_at(0)

    tuned = [trial(IMAGE, number, (0.5 + number / 1000,)) for number in range(MOST + 5)]
    chosen_trials(
        tmp_path,
        [*tuned, head(IMAGE, 0, 0.48), head(IMAGE, 1, 0.4), trial(TEXT, 0, (0.9,))],
        [IMAGE, TEXT],
        LABELS,
        logits,
    )
    assert sorted(name for name in asked if name.startswith(IMAGE)) == sorted(
        [*(f"image_{number:03d}" for number in range(5, MOST + 5)), "image_head_000"]
    )


def test_the_ensemble_is_of_the_trials_whose_val_logits_were_kept(tmp_path: Path) -> None:
    """Without any, or with samples that are all alike, there is none."""
    records = [trial(IMAGE, 0, (0.7,)), trial(TEXT, 0, (0.7,)), trial(TEXT, 1, (0.7,))]
    kept = {"image_000": wrong_at(0, 1, 2), "text_000": wrong_at(0, 1, 2), "text_001": wrong_at(5, 6, 7)}
    choice = chosen_trials(tmp_path, records, [IMAGE, TEXT], LABELS, lambda folder: kept[folder.parent.name])
    found = chosen_ensemble(choice, records, LABELS, np.arange(10), Limits())
    assert found is not None
    assert {record.trial_id for record in found.trials} == set(kept) == set(found.weights)
    assert chosen_ensemble(choice, records, LABELS, np.zeros(10, dtype=np.int64), Limits()) is None
    unknown = chosen_trials(tmp_path, records, [IMAGE, TEXT], LABELS, lambda folder: None)
    assert chosen_ensemble(unknown, records, LABELS, np.arange(10), Limits()) is None


def test_the_best_heads_are_of_the_modalities_that_have_some() -> None:
    """By val accuracy."""
    records = [trial(IMAGE, 0, (0.9,)), trial(TEXT, 0, (0.9,)), head(TEXT, 0, 0.6), head(TEXT, 1, 0.7)]
    assert {name: one.trial_id for name, one in best_heads(records, [IMAGE, TEXT]).items()} == {TEXT: "text_head_001"}


def said(samples: int, swapped: bool) -> dict[str, Predictions]:
    """Two models of four classes; `swapped`: the text model takes two of them for each other."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, samples)
    found = {}
    for modality in (IMAGE, TEXT):
        logits = rng.normal(size=(samples, 4)).astype(np.float32)
        logits[np.arange(samples), labels] += 2
        order = [1, 0, 2, 3] if swapped and modality == TEXT else [0, 1, 2, 3]
        ids = tuple(map(str, range(samples)))
        found[modality] = Predictions(ids, logits[:, order], labels, ("a", "b", "c", "d"), 0.001)
    return found


def test_a_richer_fusion_decides_where_it_is_shown_to_gain() -> None:
    """And nothing else is deployed; each that was asked for says what it gains, by itself, either way."""
    alone = np.arange(400)
    found = richer_fusions(said(400, swapped=True), RICHER, FusionRule(), alone, deploy=True)
    assert {name: one.deployed for name, one in found.items()} == {"per_class": False, "stacking": True}
    assert found["stacking"].gain > found["per_class"].gain
    kept = richer_fusions(said(400, swapped=True), ["stacking"], FusionRule(), alone, deploy=False)
    assert (kept["stacking"].deployed, kept["stacking"].gain) == (False, found["stacking"].gain)
    none = richer_fusions(
        said(400, swapped=False), ["per_class"], FusionRule(rule="one_standard_error"), alone, deploy=True
    )
    assert not none["per_class"].deployed


@pytest.mark.parametrize(
    ("samples", "metric", "groups"), [(60, "accuracy", 60), (400, "macro_f1", 400), (400, "accuracy", 3)]
)
def test_no_richer_fusion_where_its_gain_cannot_be_told(samples: int, metric: FusedMetric, groups: int) -> None:
    """Of few samples of a class, of few groups, or where another score than accuracy counts."""
    assert not richer_fusions(
        said(samples, swapped=True), RICHER, FusionRule(metric), np.arange(samples) % groups, deploy=True
    )
