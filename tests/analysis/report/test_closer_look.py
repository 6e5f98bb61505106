"""What the closer look says of val and of test, and what it leaves out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from analysis_fakes import study_folder
from modality_names import IMAGE, TEXT

from analysis import store
from analysis.numbers.calibration import calibration
from analysis.numbers.disagreement import Case
from analysis.numbers.logits import missing_rows
from analysis.numbers.mixture import mix
from analysis.pipeline import analyze, final_test
from analysis.report.closer_look import Look, SplitSaid, case_words, closer_look
from analysis.report.look_plots import look_pictures
from analysis.report.report import build_report
from analysis.report.said import model_logits


def look_of(folder: Path, modalities: tuple[str, ...], *, test: bool) -> Look:
    """Of a study of these modalities."""
    fakes = study_folder(folder, modalities)
    analyze(folder, linear_baseline=False, models=fakes.models())
    if test:
        final_test(folder, folder / "pictures", models=fakes.models())
    return build_report(folder).look


def test_after_the_test_all_of_it_is_there(tmp_path: Path) -> None:
    """Bins add up to the test's samples, cases too; what is answered in full is as accurate as the result says."""
    look = look_of(tmp_path, (IMAGE, TEXT), test=True)
    final = store.read_final_test(tmp_path)
    assert final is not None
    assert {sum(one.samples for one in bins) for bins in look.reliability.values()} == {45}
    assert list(look.reliability) == [IMAGE, TEXT, "fused"]
    assert sum(one.samples for one in look.cases) == 45
    assert sum(one.system_right for one in look.cases) == final.test["fused"].scores.right
    assert look.abstention[0].accuracy == final.test["fused"].scores.accuracy
    assert len(look.sets) == 3
    assert look.checked == {"val": 60, "test": 45}
    assert set(look_pictures(look, "test", "fused")) == {"reliability", "abstention"}


def test_chances_are_those_that_predict_gives(tmp_path: Path, numbers: str) -> None:
    """Each model at its own temperature; where a sample has one modality alone, all together say what it says."""
    fakes = study_folder(tmp_path, (TEXT, numbers), gaps=True)
    selection = analyze(tmp_path, linear_baseline=False, models=fakes.models())
    kept = {name: store.load_predictions(tmp_path, "val", name) for name in (TEXT, numbers)}
    found, alone = model_logits(selection, kept, None), missing_rows(kept[numbers].logits)
    assert 0 < alone.sum() < len(alone)
    for name, temperature in selection.temperatures.items():
        assert temperature != 1, name
    assert np.allclose(found[TEXT] * selection.temperatures[TEXT], kept[TEXT].logits)
    assert np.allclose(found["fused"][alone], found[TEXT][alone])
    assert selection.fusion is not None
    mixed = mix({name: one.logits[~alone] for name, one in kept.items()}, selection.fusion.weights)
    assert np.allclose(found["fused"][~alone] * selection.temperatures["fused"], mixed)
    assert closer_look_error(tmp_path) == calibration(found["fused"], kept[TEXT].labels).error


def closer_look_error(folder: Path) -> float:
    """What the report says of the system's chances."""
    return build_report(folder).look.chances["fused"].error


def test_before_the_test_nothing_is_checked_on_it(tmp_path: Path) -> None:
    """No sets, no abstention; one modality has no one to disagree with."""
    look = look_of(tmp_path, (TEXT,), test=False)
    assert (look.cases, look.abstention, look.sets) == ((), (), ())
    assert look.checked == {"val": 60}
    assert set(look_pictures(look, "val", TEXT)) == {"reliability"}


def test_a_wrong_label_is_doubted_with_its_picture(tmp_path: Path) -> None:
    """The sample is named by its words, with label and suggestion; the likeliest stands first."""
    fakes = study_folder(tmp_path)
    selection = analyze(tmp_path, linear_baseline=False, models=fakes.models())
    labels = np.arange(60) % 3
    logits = np.where(np.arange(3) == labels[:, None], 6.0, 0.0)
    labels[7] = 2
    ids = store.load_predictions(tmp_path, "val", TEXT).ids
    said = SplitSaid(dict.fromkeys((IMAGE, TEXT, "fused"), logits), labels, ids, store.load_examples(tmp_path, "val"))
    look = closer_look(selection, {"val": said}, "val")
    assert look.doubted == {"val": 1}
    (doubt,) = look.doubts
    assert (doubt.label, doubt.suggested, doubt.words, doubt.id) == ("Green", "Blue", "a Blue thing 7", ids[7])
    assert (doubt.thumbnail or "").startswith("data:image/jpeg")


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [(("a", "b"), (), "Both are right"), (("a", "b", "c"), (), "All are right"), ((), ("a",), "None is right")],
)
def test_cases_have_names(right: tuple[str, ...], wrong: tuple[str, ...], words: str) -> None:
    """As a table's row begins."""
    assert case_words(Case(right, wrong, 1, 1)) == words
    assert case_words(Case(("a", "b"), ("c",), 1, 1)) == "Only a and b"
