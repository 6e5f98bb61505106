"""What a tracker shows first: honest, bounded, harmless, and without paths of this machine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from analysis_fakes import study_folder
from modality_names import IMAGE, TEXT

from analysis import store
from analysis.numbers.metrics import softmax
from analysis.pipeline import analyze, final_test
from analysis.report import tracked
from analysis.report.first_screen import Answer
from analysis.report.report import write_report
from analysis.report.said import model_logits
from analysis.report.tracked import class_rows, prediction_rows, table_json, verdict
from trainables.names import TEST

ORDER = ("What to deploy?", "How good is it", "What did fusing gain?", "What to distrust?", "What does a sample cost?")


def reported(folder: Path) -> Path:
    """The analysis' folder of a study that was tested and reported."""
    fakes = study_folder(folder, texts={3: "x" * 1000})
    analyze(folder, linear_baseline=False, models=fakes.models())
    final_test(folder, folder / "pictures", models=fakes.models())
    write_report(folder)
    return folder / "analysis"


def read(folder: Path, name: str) -> list[dict[str, object]]:
    """A table's rows."""
    raw = json.loads((folder / "tables" / name).read_text("utf-8"))
    return [dict(zip(raw["columns"], row, strict=True)) for row in raw["data"]]


def test_the_verdict_comes_in_the_order_of_questions(tmp_path: Path) -> None:
    """What to deploy first; the report's place within the runs, and no other path."""
    said = (reported(tmp_path) / "verdict.md").read_text("utf-8")
    assert said.startswith(
        "**The fusion of image and text gets 84.4\u00a0% of 45 test samples right.**".replace("\u00a0", " ")
    )
    places = [said.index(question) for question in ORDER]
    assert places == sorted(places)
    assert f"`studies/{tmp_path.name}/analysis/report.html`" in said
    assert str(tmp_path) not in said
    assert len(said) < 5000


def test_a_hostile_name_is_no_markup() -> None:
    """Links, pictures, marks and new lines of a class's name are words; long answers are cut."""
    answer = Answer("sure", "How?", "![x](http://host/y)", ("a\n# b", "`c` <img src=x>", "d" * 3000))
    said = verdict("**It** wins", [answer], "studies/a/analysis/report.html")
    assert "![" not in said.replace("!\\[", "")
    assert "\\<img src=x\\>" in said
    assert "\n#" not in said
    assert len(said) < 1200


def test_every_test_sample_has_its_row(tmp_path: Path) -> None:
    """With the chances that the report is about; paths are within the test data, long texts cut."""
    folder = reported(tmp_path)
    selection, kept = (
        store.read_selection(tmp_path),
        {name: store.load_predictions(tmp_path, TEST, name) for name in (IMAGE, TEXT)},
    )
    rows, logits = read(folder, "test_predictions.json"), model_logits(selection, kept, None)["fused"]
    assert len(rows) == 45
    for row, shares, label in zip(rows, softmax(logits), kept[TEXT].labels, strict=True):
        assert row["label"] == selection.classes[label]
        assert row["predicted"] == selection.classes[int(shares.argmax())]
        assert row["right"] == (row["label"] == row["predicted"])
        assert row["decided_by"] == "fused"
        assert row["probability"] == pytest.approx(shares.max(), abs=1e-6)
        assert row["probabilities"] == pytest.approx(dict(zip(selection.classes, shares, strict=True)), abs=1e-6)
    assert (rows[0][IMAGE], rows[0][TEXT]) == ("test_000.jpg", "a Black thing 0")
    assert len(str(rows[3][TEXT])) == tracked.LONGEST_TEXT
    assert len(read(folder, "leaderboard.json")) == 8
    assert [row["samples"] for row in read(folder, "classes.json")] == [15, 15, 15]
    for path in (folder / "tables").iterdir():
        assert str(tmp_path) not in path.read_text("utf-8")


def test_of_too_many_samples_the_mistakes_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the split's order, as many as a table may have; a picture from elsewhere is told by its name alone."""
    fakes = study_folder(tmp_path)
    selection = analyze(tmp_path, linear_baseline=False, models=fakes.models())
    final = final_test(tmp_path, tmp_path, models=fakes.models())
    kept = {name: store.load_predictions(tmp_path, TEST, name) for name in (IMAGE, TEXT)}
    monkeypatch.setattr(tracked, "MOST_ROWS", 10)
    rows = prediction_rows(selection, final, kept, None, store.load_examples(tmp_path, TEST))
    assert len(rows) == 10
    assert sum(not row["right"] for row in rows) == 45 - final.test["fused"].scores.right
    assert [row["sample"] for row in rows] == sorted((row["sample"] for row in rows), key=kept[TEXT].ids.index)
    assert str(rows[0][IMAGE]).startswith("pictures/test_")
    assert len(json.loads(table_json([{"a": 1}] * 20))["data"]) == 10


def test_a_sample_of_one_modality_is_decided_by_it(tmp_path: Path) -> None:
    """As `predict` would say it."""
    fakes = study_folder(tmp_path)
    selection = analyze(tmp_path, linear_baseline=False, models=fakes.models())
    final = final_test(tmp_path, tmp_path, models=fakes.models())
    kept = {name: store.load_predictions(tmp_path, TEST, name) for name in (IMAGE, TEXT)}
    kept[IMAGE].logits[0] = np.nan
    [row, other, *_] = prediction_rows(selection, final, kept, None, store.load_examples(tmp_path, TEST))
    assert (row["decided_by"], other["decided_by"]) == (TEXT, "fused")
    shares = softmax(kept[TEXT].logits[:1].astype(float) / selection.row_temperature(TEXT))[0]
    assert row["probability"] == pytest.approx(shares.max(), abs=1e-6)


def test_a_class_without_samples_has_no_scores() -> None:
    """Its cells are empty."""
    value = {"class": "a", "samples": 0, "models": {TEXT: {"precision": None}}, "recall_interval": None}
    expected = {"class": "a", "split": "test", "samples": 0, "text_precision": None}
    assert class_rows([value], "test") == [{**expected, "recall_low": None, "recall_high": None}]
