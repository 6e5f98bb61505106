"""Predictions of samples that lack a modality, and the rows that are scored."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from analysis_fakes import NUMBERS, accuracy, having, predictions, split, with_numbers
from modality_names import IMAGE, TEXT

from analysis.numbers.mixture import Mixture, mix
from analysis.results import EnsembleResult, SelectedModel
from analysis.scoring import (
    Row,
    comparisons,
    member_temperatures,
    predictions_with_gaps,
    rows_of,
    score_rows,
    temperatures_of,
)
from trainables.data.samples import Split
from trainables.records import Predictions


def gappy(folder: Path) -> Split:
    """Twenty samples, some without a picture, others without numbers."""
    return with_numbers(split("val", 20, folder), gaps=True)


def test_a_model_predicts_what_has_its_input(tmp_path: Path) -> None:
    """It is given those samples alone; the others have rows of NaN, all in the split's order."""
    part = gappy(tmp_path)
    asked: list[int] = []

    def predict(given: Split) -> Predictions:
        asked.append(len(given))
        backwards = given.rows(np.arange(len(given))[::-1])
        return predictions(backwards, NUMBERS)

    found = predictions_with_gaps(part, NUMBERS, predict)
    there = np.array([item is not None for item in part.inputs[NUMBERS]])
    assert asked == [there.sum()]
    assert np.isnan(found.logits[~there]).all()
    assert np.isfinite(found.logits[there]).all()
    assert (found.ids, found.labels.tolist()) == (part.ids, part.labels.tolist())
    assert predictions_with_gaps(part, TEXT, lambda given: predictions(given, TEXT)).ids == part.ids


def test_a_model_of_other_classes_is_refused(tmp_path: Path) -> None:
    """Its logits would be read as another class's."""
    part = gappy(tmp_path)
    other = dataclasses.replace(predictions(having(part, IMAGE), IMAGE), classes=("a", "b", "c"))
    with pytest.raises(RuntimeError, match="image model must know the classes"):
        predictions_with_gaps(part, IMAGE, lambda _given: other)


def test_every_row_counts_the_same_samples(tmp_path: Path) -> None:
    """A single model says the majority class where its input is missing; the fusion uses what is there."""
    part = gappy(tmp_path)
    found = {
        name: predictions_with_gaps(part, name, lambda given, name=name: predictions(given, name))  # type: ignore[misc]
        for name in (IMAGE, TEXT, NUMBERS)
    }
    fusion = Mixture({IMAGE: 0.2, TEXT: 0.5, NUMBERS: 0.3}, 0.0, TEXT, 0.4, 0.6)
    linear = Mixture({IMAGE: 0.4, TEXT: 0.6}, 0.0, TEXT, 0.4, 0.6)
    rows = score_rows(
        rows_of(found, {name: found[name] for name in (IMAGE, TEXT)}, fusion, linear, majority=2), part, None, {}
    )
    assert list(rows) == [
        "image", "text", "numbers", "fused", "linear_image", "linear_text", "linear_fused", "majority",
    ]  # fmt: skip
    assert {row.scores.samples for row in rows.values()} == {20}
    missing = np.isnan(found[IMAGE].logits).all(axis=1)
    decided = np.where(missing, 2, np.nan_to_num(found[IMAGE].logits).argmax(axis=1))
    assert rows["image"].scores.accuracy == np.mean(decided == part.labels)
    logits = {name: one.logits for name, one in found.items()}
    fused = mix(logits, fusion.weights).argmax(axis=1)
    assert rows["fused"].scores.accuracy == np.mean(fused == part.labels)
    assert rows["fused"].seconds_per_sample == pytest.approx(0.00146)
    assert rows["linear_fused"].seconds_per_sample == pytest.approx(0.00145)


def test_half_a_row_of_nan_is_no_missing_sample(tmp_path: Path) -> None:
    """It is what a diverged model gives, and refused."""
    part = split("val", 6, tmp_path)
    one = predictions(part, IMAGE)
    one.logits[0, 0] = np.nan
    one.logits[1] = np.nan
    with pytest.raises(ValueError, match="must be finite"):
        score_rows(rows_of({IMAGE: one}, {}, None, None, majority=0), part)


def test_what_is_compared_and_with_what(tmp_path: Path) -> None:
    """The fusion with the better single model here, the system with baselines; each p for all comparisons together."""
    part = split("test", 60, tmp_path)
    found = {name: predictions(part, name) for name in (IMAGE, TEXT)}
    fusion = Mixture({IMAGE: 0.4, TEXT: 0.6}, 0.0, TEXT, 0.4, 0.6)
    rows = rows_of(found, {IMAGE: found[IMAGE]}, fusion, None, majority=0, frozen={TEXT: found[TEXT]})
    made = comparisons(rows, [IMAGE, TEXT], "fused", part)
    assert {name: (one.first, one.second) for name, one in made.items()} == {
        "single": ("fused", "text"),
        "frozen": ("fused", "frozen_text"),
        "linear": ("fused", "linear_image"),
    }
    assert made["single"].gain == pytest.approx((rows["fused"].decisions == part.labels).mean() - accuracy(part, TEXT))
    assert made["single"].p >= made["linear"].p
    alone = comparisons(rows_of({TEXT: found[TEXT]}, {}, None, None, majority=0), [TEXT], "text", part)
    assert alone == {}


def test_temperatures_are_set_on_val_and_used_elsewhere() -> None:
    """The one that is set makes logits that are three times too sure a third; a row of decisions has none."""
    labels, rng = np.arange(900) % 3, np.random.default_rng(0)
    logits = rng.normal(size=(900, 3))
    logits[np.arange(900), labels] += 1.0
    whole = Split(tuple(map(str, range(900))), labels, ("a", "b", "c"), {})
    rows = {
        "own": Row(logits, None),
        "sure": Row(3 * logits, None),
        "majority": Row(np.zeros(900, dtype=np.int64), None),
    }
    found = temperatures_of(rows, whole)
    assert set(found) == {"own", "sure"}
    assert found["sure"] == pytest.approx(3 * found["own"], rel=0.01)
    assert found["own"] == pytest.approx(1.0, abs=0.15)
    scored = score_rows(rows, whole, None, {**found, "sure": 3.0})
    assert scored["sure"].calibrated_log_loss == pytest.approx(scored["own"].log_loss)
    assert scored["sure"].log_loss > scored["sure"].calibrated_log_loss  # type: ignore[operator]
    assert (scored["majority"].temperature, scored["majority"].calibrated_log_loss) == (None, None)


def test_samples_without_an_input_do_not_count_for_a_temperature() -> None:
    """A model that says nothing of every third sample has the temperature of the others, and keeps it on test."""
    labels, rng = np.arange(900) % 3, np.random.default_rng(0)
    logits = rng.normal(size=(900, 3)).astype(np.float32)
    logits[np.arange(900), labels] += 1.0
    whole = Split(tuple(map(str, range(900))), labels, ("a", "b", "c"), {})
    there = np.arange(900) % 7 != 0
    gaps = np.where(there[:, None], logits, np.nan).astype(np.float32)
    rows = rows_of({TEXT: Predictions(whole.ids, gaps, labels, whole.classes, 0.0)}, {}, None, None, majority=0)
    part = {"part": Row(logits[there], None)}
    found = temperatures_of(rows, whole)[TEXT]
    assert found == temperatures_of(part, whole.rows(np.flatnonzero(there)))["part"]
    scored = score_rows(rows, whole, None, {TEXT: found})[TEXT]
    assert (scored.temperature, scored.calibrated_log_loss) == (found, None)


def test_an_ensembles_members_have_temperatures_where_they_are_alone() -> None:
    """Of the mean of a modality's members; what is three times as sure needs three times the temperature."""
    labels, rng = np.arange(900) % 3, np.random.default_rng(0)
    logits = rng.normal(size=(900, 3)).astype(np.float32)
    logits[np.arange(900), labels] += 1.0
    members, weights = {}, {"image_000": 0.2, "image_001": 0.2, "text_000": 0.6}
    for name, factor in zip(weights, (2.0, 4.0, 1.0), strict=True):
        own = (factor * logits).astype(np.float32)
        members[name] = Predictions(tuple(map(str, range(900))), own, labels, ("a", "b", "c"), 0.0)
    models = {name: SelectedModel(name.split("_")[0], name, "", {}, 1, 0.5) for name in weights}
    found = member_temperatures(members, EnsembleResult(models, weights, 0.1, 0.01, 0.01, deployed=True))
    assert list(found) == [IMAGE, TEXT]
    assert found[IMAGE] == pytest.approx(3 * found[TEXT], rel=0.01)
