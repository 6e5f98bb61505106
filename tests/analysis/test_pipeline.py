"""From trials to the one test, with fakes for the models."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from analysis_fakes import FakeModels, accuracy, predictions, study_folder
from modality_names import IMAGE, TEXT

from analysis import store
from analysis.numbers.fusion import fuse
from analysis.pipeline import analyze, final_test
from trainables.errors import UserError


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
    result = final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
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
