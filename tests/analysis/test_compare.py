"""Two studies beside each other: the same numbers as their own results, paired on common test samples."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from analysis_fakes import study_folder
from modality_names import IMAGE, TEXT

from analysis import store
from analysis.compare import compare
from analysis.pipeline import analyze, final_test
from trainables.errors import UserError


def a_study(folder: Path, modalities: tuple[str, ...], *, test: bool = True) -> Path:
    """A study of these modalities on the same test data."""
    fakes = study_folder(folder, modalities)
    analyze(folder, linear_baseline=False, models=fakes.models())
    if test:
        final_test(folder, folder / "pictures", models=fakes.models())
    return folder


def test_each_keeps_its_own_number_and_both_are_paired(tmp_path: Path) -> None:
    """On the same samples the common accuracies are the results' own, and the gain is their difference."""
    folders = {"both": a_study(tmp_path / "a", (IMAGE, TEXT)), "text": a_study(tmp_path / "b", (TEXT,))}
    found = compare(folders)
    assert found.common is not None
    own = {}
    for name, folder in folders.items():
        final = store.read_final_test(folder)
        assert final is not None
        own[name] = final.test[store.read_selection(folder).system].scores.accuracy
    assert found.common.samples == 45
    assert found.common.accuracies == own
    (pair,) = found.common.pairs
    assert pair.gain == pytest.approx(own["both"] - own["text"])
    assert pair.only_first - pair.only_second == round(45 * pair.gain)
    _, *rows = found.table()
    assert [row[:2] for row in rows] == [("both", "fused"), ("text", TEXT)]
    said = "\n".join(found.lines()).replace("\u00a0", " ")
    assert "On the 45 test samples that all of them have:" in said
    assert "both is not shown to differ from text: +2.2 points" in said
    raw = json.loads(json.dumps(found.as_json()))
    assert [one["accuracy"] for one in raw["studies"]] == list(own.values())
    assert raw["common"]["pairs"][0]["gain"] == pair.gain


def test_other_test_data_are_not_paired(tmp_path: Path) -> None:
    """Their numbers stand side by side, and it is said that they are of different data."""
    folders = {"a": a_study(tmp_path / "a", (TEXT,)), "b": a_study(tmp_path / "b", (TEXT,))}
    said = store.load_predictions(folders["b"], "test", TEXT)
    renamed = type(said)(
        tuple(f"other/{name}" for name in said.ids), said.logits, said.labels, said.classes, said.seconds_per_sample
    )
    store.save_predictions(folders["b"], "test", TEXT, renamed)
    found = compare(folders)
    assert found.common is None
    assert "no test sample in common" in found.lines()[0]
    assert found.as_json()["common"] is None


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    """One study alone; a study that wasn't tested, by its name."""
    tested = a_study(tmp_path / "a", (TEXT,))
    with pytest.raises(UserError, match="two studies or more"):
        compare({"a": tested})
    untested = a_study(tmp_path / "b", (TEXT,), test=False)
    with pytest.raises(UserError, match="b has none: binwise test b"):
        compare({"a": tested, "b": untested})
