"""From trials to the one test, with fakes for the models."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from analysis_fakes import FakeModels, accuracy, having, predictions, study_folder
from modality_names import IMAGE, TEXT

from analysis import results, store
from analysis.numbers.fusion import alpha_curve, best_alpha, fuse
from analysis.pipeline import analyze, final_test
from trainables.data.reading.options import ReadOptions
from trainables.errors import UserError

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def fakes(tmp_path: Path) -> FakeModels:
    """A study of both modalities in `tmp_path`."""
    return study_folder(tmp_path)


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file of the analysis by name."""
    return {path.name: path.read_bytes() for path in (folder / "analysis").iterdir()}


def test_analyze_selects_and_freezes(tmp_path: Path, fakes: FakeModels) -> None:
    """The best trial of each modality, its weights' digest, the best alpha and every val score are frozen."""
    said: list[str] = []
    selection = analyze(tmp_path, progress=said.append, linear_baseline=True, models=fakes.models())
    assert store.read_selection(tmp_path) == selection
    assert {m: model.trial_id for m, model in selection.models.items()} == {IMAGE: "image_001", TEXT: "text_001"}
    assert all(len(model.checkpoint_sha256["weights.safetensors"]) == 64 for model in selection.models.values())
    assert set(selection.val) == {
        "image",
        "text",
        "fused",
        "linear_image",
        "linear_text",
        "linear_fused",
        "majority",
    }
    val = fakes.splits["val"]
    assert selection.val["image"].scores.accuracy == accuracy(val, IMAGE)
    assert selection.fusion is not None
    fused = fuse(predictions(val, IMAGE).logits, predictions(val, TEXT).logits, selection.fusion.weights[TEXT])
    assert selection.val["fused"].scores.accuracy == np.mean(fused.argmax(axis=1) == val.labels)
    assert selection.val["fused"].scores.accuracy == selection.fusion.accuracy
    assert selection.val["fused"].scores.accuracy >= selection.val["text"].scores.accuracy
    assert selection.val["fused"].seconds_per_sample == pytest.approx(0.00145)
    assert selection.metrics()["alpha"] == selection.fusion.weights[TEXT]
    assert "Selected image_001" in selection.summary()
    assert fakes.reads == 0
    assert said[0] == "8 trials on record: 4 completed, 2 pruned, 2 failed"
    assert said[-1] == "Froze the selection"


def test_final_test_runs_once(tmp_path: Path, fakes: FakeModels) -> None:
    """The first test is written; a second is refused without reading the data, and no file changes by a byte."""
    analyze(tmp_path, linear_baseline=True, models=fakes.models())
    options = ReadOptions(merge={"blue": "Blue"})
    result = final_test(tmp_path, tmp_path / "pictures", options=options, models=fakes.models())
    assert fakes.options is options
    assert store.read_final_test(tmp_path) == result
    assert result.test["image"].scores.accuracy == accuracy(fakes.test, IMAGE)
    assert set(result.test) == set(store.read_selection(tmp_path).val)
    assert result.metrics()["test_image_accuracy"] == accuracy(fakes.test, IMAGE)
    assert "evaluated once" in result.summary()
    assert (result.openings, result.samples, fakes.reads) == (1, 45, 1)
    before = files_of(tmp_path)
    with pytest.raises(UserError, match=r"already evaluated on .*\sThe result stands in .*final_test\.json"):
        final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    with pytest.raises(UserError, match="must not change once the test was opened"):
        analyze(tmp_path, linear_baseline=False, models=fakes.models())
    assert files_of(tmp_path) == before
    assert fakes.reads == 1


@pytest.mark.parametrize("modality", [IMAGE, TEXT])
def test_one_modality(tmp_path: Path, modality: str) -> None:
    """A study of images or texts alone has no alpha and no fused row, from the selection to the test."""
    fakes = study_folder(tmp_path, (modality,))
    selection = analyze(tmp_path, linear_baseline=True, models=fakes.models())
    assert (selection.fusion, selection.linear_fusion, selection.system) == (None, None, modality)
    result = final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    assert set(result.test) == {modality, f"linear_{modality}", "majority"}


def test_without_baseline(tmp_path: Path, fakes: FakeModels) -> None:
    """Without the linear baseline neither the selection nor the test has its rows."""
    analyze(tmp_path, linear_baseline=False, models=fakes.models())
    assert set(final_test(tmp_path, tmp_path / "pictures", models=fakes.models()).test) == {
        "image",
        "text",
        "fused",
        "majority",
    }


def test_missing_test_data_do_not_open_the_test(tmp_path: Path, fakes: FakeModels) -> None:
    """A wrong path is found before the opening is recorded; so is a missing selection."""
    with pytest.raises(UserError, match=r"selection\.json"):
        final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    analyze(tmp_path, linear_baseline=False, models=fakes.models())
    with pytest.raises(UserError, match="was not opened"):
        final_test(tmp_path, tmp_path / "nowhere", models=fakes.models())
    assert not (tmp_path / "analysis/test_opened.json").exists()


@pytest.mark.parametrize("where", ["fail_reading", "fail_predicting"])
def test_an_opening_without_a_result_may_be_repeated(tmp_path: Path, fakes: FakeModels, where: str) -> None:
    """After a fault in the test data or a crash the opening stands, and the same selection may finish."""
    analyze(tmp_path, linear_baseline=False, models=fakes.models())
    setattr(fakes, where, UserError("a broken picture"))
    with pytest.raises(UserError, match="a broken picture"):
        final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    assert (tmp_path / "analysis/test_opened.json").exists()
    assert not (tmp_path / "analysis/final_test.json").exists()
    setattr(fakes, where, None)
    assert final_test(tmp_path, tmp_path / "pictures", models=fakes.models()).openings == 2


def test_another_selection_may_not_use_an_opened_test(tmp_path: Path, fakes: FakeModels) -> None:
    """A selection.json edited after a crashed opening is refused."""
    selection = analyze(tmp_path, linear_baseline=False, models=fakes.models())
    store.open_final_test(tmp_path, store.selection_digest(selection))
    path = tmp_path / "analysis/selection.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "majority_class": 2}))
    with pytest.raises(UserError, match="for another"):
        final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    assert fakes.reads == 0


def test_changed_checkpoint_is_refused_before_the_opening(tmp_path: Path, fakes: FakeModels) -> None:
    """Weights that aren't the selected ones are found by their digest, before the test is opened."""
    selection = analyze(tmp_path, linear_baseline=False, models=fakes.models())
    (tmp_path / selection.models[TEXT].checkpoint / "weights.safetensors").write_bytes(b"other")
    with pytest.raises(UserError, match="SHA-256 differs"):
        final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    assert not (tmp_path / "analysis/test_opened.json").exists()


def test_checkpoint_must_reproduce_its_trial(tmp_path: Path, fakes: FakeModels) -> None:
    """Val predictions that don't give the recorded accuracy stop the analysis, and nothing is frozen."""
    val = fakes.splits["val"]
    other = dataclasses.replace(val, labels=np.roll(val.labels, 1))
    fakes.splits = {**fakes.splits, "val": other}
    with pytest.raises(RuntimeError, match="image_001 must reproduce the val accuracy"):
        analyze(tmp_path, linear_baseline=False, models=fakes.models())
    assert not (tmp_path / "analysis").exists()


def test_files_of_two_modalities_are_as_ever(tmp_path: Path, fakes: FakeModels) -> None:
    """selection.json and final_test.json of image and text, byte for byte; and what was written before is read."""
    selection = dataclasses.replace(
        analyze(tmp_path, models=fakes.models()), created="2026-01-02T03:04:05+00:00", versions={"binwise": "0.1.0"}
    )
    store.write_selection(tmp_path, selection)
    assert (tmp_path / "analysis/selection.json").read_bytes() == (GOLDEN / "selection.json").read_bytes()
    assert results.selection_from_json(json.loads((GOLDEN / "selection.json").read_text())) == selection
    final = final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    fixed = dataclasses.replace(final, evaluated="2026-01-02T03:04:05+00:00", test_source="test")
    assert results.to_json(fixed) == (GOLDEN / "final_test.json").read_bytes()
    assert results.final_test_from_json(json.loads((GOLDEN / "final_test.json").read_text())) == fixed


def test_samples_of_two_modalities_are_as_ever(tmp_path: Path, fakes: FakeModels) -> None:
    """Each has its id, its text and its picture's path, and nothing else."""
    analyze(tmp_path, models=fakes.models())
    first = json.loads((tmp_path / "analysis/samples_val.json").read_text())[0]
    picture = str(tmp_path / "pictures/val_000.jpg")
    assert first == {"id": "Black/val_000.jpg", "text": "a Black thing 0", "image": picture}


@pytest.mark.parametrize("gaps", [False, True])
def test_three_modalities(tmp_path: Path, numbers: str, gaps: bool) -> None:
    """Weights of all three instead of alpha, no less accurate on val than two of them; all rows, to the test."""
    fakes = study_folder(tmp_path, (numbers, TEXT, IMAGE), gaps=gaps)
    selection = analyze(tmp_path, models=fakes.models())
    assert store.read_selection(tmp_path) == selection
    assert list(selection.models) == [IMAGE, TEXT, numbers]
    assert selection.fusion is not None
    assert list(selection.fusion.weights) == [IMAGE, TEXT, numbers]
    written = json.loads((tmp_path / "analysis/selection.json").read_text())["fusion"]
    assert written["weights"] == selection.fusion.weights
    assert selection.val["fused"].scores.accuracy == selection.fusion.accuracy
    val = fakes.splits["val"]
    logits = {name: store.load_predictions(tmp_path, "val", name).logits for name in (IMAGE, TEXT)}
    pair = best_alpha(alpha_curve(logits[IMAGE], logits[TEXT], val.labels))
    assert selection.fusion.accuracy >= pair.accuracy
    assert selection.metrics()["weight_numbers"] == selection.fusion.weights[numbers]
    assert "alpha" not in selection.metrics()
    assert "Selected weights image 0." in selection.summary()
    result = final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    assert set(result.test) == set(selection.val)
    assert result.test["fused"].scores.samples == 45
    missing = np.isnan(store.load_predictions(tmp_path, "test", numbers).logits).any(axis=1)
    assert missing.sum() == (9 if gaps else 0)


def test_a_modality_without_a_baseline_has_no_linear_row(tmp_path: Path, numbers: str) -> None:
    """The linear fusion is of those that have one; with one alone there is none."""
    fakes = study_folder(tmp_path, (IMAGE, TEXT, numbers))
    fakes.without_baseline = frozenset({numbers})
    selection = analyze(tmp_path, models=fakes.models())
    assert {row for row in selection.val if row.startswith("linear")} == {"linear_image", "linear_text", "linear_fused"}
    assert selection.linear_fusion is not None
    assert list(selection.linear_fusion.weights) == [IMAGE, TEXT]
    assert store.read_selection(tmp_path) == selection
    fakes.without_baseline = frozenset({numbers, TEXT})
    selection = analyze(tmp_path, models=fakes.models())
    assert (selection.linear_fusion, "linear_image" in selection.val) == (None, True)
    assert set(final_test(tmp_path, tmp_path / "pictures", models=fakes.models()).test) == set(selection.val)


def test_val_logits_that_lie_with_a_checkpoint_are_compared(tmp_path: Path, fakes: FakeModels) -> None:
    """Those of the trial pass; others stop the analysis, and nothing is frozen."""
    val = fakes.splits["val"]
    fakes.kept = {TEXT: predictions(having(val, TEXT), TEXT).logits}
    analyze(tmp_path, linear_baseline=False, models=fakes.models())
    (tmp_path / "analysis/selection.json").unlink()
    fakes.kept = {TEXT: np.roll(predictions(val, TEXT).logits, 1, axis=1)}
    with pytest.raises(RuntimeError, match="text_001 must decide as the val logits"):
        analyze(tmp_path, linear_baseline=False, models=fakes.models())
    assert not (tmp_path / "analysis/selection.json").exists()
