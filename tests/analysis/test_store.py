"""What a study folder keeps: trials, predictions, the frozen selection, and one test only."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from analysis_fakes import CLASSES, trial
from modality_names import IMAGE, TEXT

from analysis import store
from analysis.numbers.fusion import BestAlpha
from analysis.numbers.metrics import score
from analysis.numbers.mixture import Mixture
from analysis.results import Example, FinalTest, RowScores, SelectedModel, Selection
from trainables.errors import UserError
from trainables.names import VAL
from trainables.records import Predictions, StopReason

SCORES = RowScores(score([0, 1, 2, 2], [0, 1, 2, 0], CLASSES), 0.001)
SELECTION = Selection(
    study="demo",
    created="2026-01-01T00:00:00+00:00",
    classes=CLASSES,
    majority_class=1,
    models={
        IMAGE: SelectedModel(IMAGE, "image_001", "image/image_001/best", {"weights.safetensors": "ab"}, 2, 0.8),
        TEXT: SelectedModel(TEXT, "text_001", "text/text_001/best", {"weights.safetensors": "cd"}, 2, 0.9),
    },
    fusion=Mixture.of_alpha(BestAlpha(0.7, 0.75, 0.6, 0.8), IMAGE, TEXT),
    linear_fusion=None,
    val={"image": SCORES, "text": SCORES, "fused": SCORES},
    versions={"python": "3.11"},
)


def result(accuracy_note: str = "first") -> FinalTest:
    """A test result; the note tells two of them apart."""
    return FinalTest("demo", "d" * 64, accuracy_note, 1, "test", 4, {"fused": SCORES})


def test_trials_are_read_as_written(tmp_path: Path) -> None:
    """Every record comes back equal and in order, blank lines aside."""
    records = [trial(IMAGE, 0, (0.5, 0.6)), trial(TEXT, 0, (), reason=StopReason.FAILED, checkpoint=False, error="é")]
    (tmp_path / "trials.jsonl").write_text("\n".join(record.to_json() for record in records) + "\n\n", "utf-8")
    assert store.read_trials(tmp_path) == tuple(records)


def test_a_checkpoint_of_an_epoch_that_is_not_on_record_does_not_count(tmp_path: Path) -> None:
    """A worker was killed between keeping weights and reporting them: its trial can't be selected, and says so."""
    record = trial(IMAGE, 0, (0.5, 0.6), reason=StopReason.INTERRUPTED)
    (tmp_path / "trials.jsonl").write_text(record.to_json() + "\n")
    meta = tmp_path / "image" / "image_000" / "best" / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text('{"epoch": 2}')
    assert store.read_trials(tmp_path) == (record,)
    meta.write_text('{"epoch": 3}')
    (read,) = store.read_trials(tmp_path)
    assert read.checkpoint is None
    assert "its checkpoint is of epoch 3, while on record epoch 2 is the best" in read.notes[0]
    meta.write_text("{")
    with pytest.raises(UserError, match=r"meta\.json must be readable"):
        store.read_trials(tmp_path)


@pytest.mark.parametrize("content", [None, "", "{", '{"study": "x"}\n'])
def test_unreadable_trials_name_the_file(tmp_path: Path, content: str | None) -> None:
    """A missing, empty, torn or foreign trials.jsonl is a user error that names it."""
    if content is not None:
        (tmp_path / "trials.jsonl").write_text(content)
    with pytest.raises(UserError, match=r"trials\.jsonl"):
        store.read_trials(tmp_path)


def test_without_a_trial_there_is_nothing_to_analyze(tmp_path: Path) -> None:
    """As where a study's time budget was used up before its first epoch: what to do is said."""
    (tmp_path / "trials.jsonl").touch()
    with pytest.raises(UserError, match=r"holds none: there is nothing to analyze yet.*--set time_budget="):
        store.read_trials(tmp_path)


def test_a_trial_must_stand_once(tmp_path: Path) -> None:
    """Two lines of one trial are refused: a ranking would count it twice."""
    (tmp_path / "trials.jsonl").write_text(2 * (trial(IMAGE, 0, (0.5,)).to_json() + "\n"))
    with pytest.raises(UserError, match="twice"):
        store.read_trials(tmp_path)


def test_selection_comes_back_equal_with_the_same_digest(tmp_path: Path) -> None:
    """A selection, also one of a single modality, is the same value after reading; the digest follows its content."""
    for selection in (SELECTION, dataclasses.replace(SELECTION, fusion=None, models={IMAGE: SELECTION.models[IMAGE]})):
        store.write_selection(tmp_path, selection)
        assert store.read_selection(tmp_path) == selection
        assert store.selection_digest(store.read_selection(tmp_path)) == store.selection_digest(selection)
    changed = dataclasses.replace(SELECTION, fusion=Mixture.of_alpha(BestAlpha(0.71, 0.75, 0.6, 0.8), IMAGE, TEXT))
    assert store.selection_digest(changed) != store.selection_digest(SELECTION)


@pytest.mark.parametrize("key", ["checkpoint", "file"])
def test_a_selection_names_no_file_elsewhere(tmp_path: Path, key: str) -> None:
    """What it names is hashed and loaded: a changed one can't name a device, or another user's files."""
    store.write_selection(tmp_path, SELECTION)
    path = tmp_path / "analysis/selection.json"
    raw = json.loads(path.read_text())
    model = raw["models"][IMAGE]
    model |= {"checkpoint": "../../x"} if key == "checkpoint" else {"checkpoint_sha256": {"/dev/zero": "0" * 64}}
    path.write_text(json.dumps(raw))
    with pytest.raises(UserError, match="a model's files must lie in the study's folder"):
        store.read_selection(tmp_path)


def test_selection_is_frozen_by_the_opening(tmp_path: Path) -> None:
    """Before the opening a selection may be rewritten, afterwards not."""
    store.write_selection(tmp_path, SELECTION)
    store.write_selection(tmp_path, SELECTION)
    store.open_final_test(tmp_path, store.selection_digest(SELECTION), "t" * 64)
    before = (tmp_path / "analysis/selection.json").read_bytes()
    with pytest.raises(UserError, match="must not change once the test was opened"):
        store.write_selection(tmp_path, dataclasses.replace(SELECTION, majority_class=0))
    assert (tmp_path / "analysis/selection.json").read_bytes() == before


def test_opening_again_is_for_the_same_selection_only(tmp_path: Path) -> None:
    """Without a result the same selection may open again, and each opening is recorded; another selection may not."""
    assert store.read_openings(tmp_path) == store.Openings()
    assert len(store.open_final_test(tmp_path, "a" * 64, "t" * 64).times) == 1
    opened = store.open_final_test(tmp_path, "a" * 64, "u" * 64, "1 sample gone")
    assert (len(opened.times), opened.digest, opened.changes) == (2, "u" * 64, ("1 sample gone",))
    assert store.read_openings(tmp_path) == opened
    with pytest.raises(UserError, match="for another"):
        store.open_final_test(tmp_path, "b" * 64, "t" * 64)
    assert store.read_openings(tmp_path) == opened
    (tmp_path / "analysis/test_opened.json").write_text("")
    with pytest.raises(UserError, match=r"test_opened\.json must be readable"):
        store.open_final_test(tmp_path, "a" * 64, "t" * 64)


def test_an_earlier_version_s_opening_counts(tmp_path: Path) -> None:
    """It didn't say which data were opened; the next one does."""
    (tmp_path / "analysis").mkdir()
    (tmp_path / "analysis/test_opened.json").write_text(json.dumps({"selection_digest": "a", "opened": ["then"]}))
    assert store.read_openings(tmp_path) == store.Openings("a", ("then",))
    opened = store.open_final_test(tmp_path, "a", "t" * 64)
    assert (opened.times[0], len(opened.times), opened.digest) == ("then", 2, "t" * 64)


def test_result_is_written_once(tmp_path: Path) -> None:
    """A second result is refused, also a second opening, and the first stays byte for byte; no rest lies about."""
    assert store.read_final_test(tmp_path) is None
    path = store.write_final_test(tmp_path, result("first"))
    before = path.read_bytes()
    with pytest.raises(UserError, match="already evaluated on first"):
        store.write_final_test(tmp_path, result("second"))
    with pytest.raises(UserError, match="once only"):
        store.open_final_test(tmp_path, "a" * 64, "t" * 64)
    assert path.read_bytes() == before
    assert store.read_final_test(tmp_path) == result("first")
    assert [entry.name for entry in (tmp_path / "analysis").iterdir()] == ["final_test.json"]


def test_result_is_written_once_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without hard links the result is still created once and never overwritten."""

    def no_links(*_: object) -> None:
        raise OSError("not supported")

    monkeypatch.setattr("os.link", no_links)
    path = store.write_final_test(tmp_path, result("first"))
    before = path.read_bytes()
    with pytest.raises(UserError, match="already evaluated"):
        store.write_final_test(tmp_path, result("second"))
    assert path.read_bytes() == before


def test_predictions_come_back_equal(tmp_path: Path) -> None:
    """Ids of any script, logits, labels, classes and time are kept; a missing or damaged file is a user error."""
    logits = np.array([[1.5, -2.0], [0.0, 3.0]], dtype=np.float32)
    kept = Predictions(("a/ü 1.jpg", "b/纸.jpg"), logits, np.array([0, 1]), ("a", "b"), 0.25)
    path = store.save_predictions(tmp_path, VAL, IMAGE, kept)
    found = store.load_predictions(tmp_path, VAL, IMAGE)
    assert (found.ids, found.classes, found.seconds_per_sample) == (kept.ids, kept.classes, 0.25)
    assert np.array_equal(found.logits, logits)
    assert found.logits.dtype == np.float32
    assert np.array_equal(found.labels, kept.labels)
    path.write_bytes(path.read_bytes()[:50])
    for modality in (IMAGE, TEXT):
        with pytest.raises(UserError, match=r"predictions_val_.*npz"):
            store.load_predictions(tmp_path, VAL, modality)


def test_examples_survive_undecodable_names(tmp_path: Path) -> None:
    """A text with half a character, as Python reads odd file names, is kept as it was."""
    examples = (
        Example("a/1.jpg", {TEXT: "odd \udce9 name\n|<", IMAGE: None}),
        Example("b/2.jpg", {TEXT: "ü", IMAGE: "/pictures/2.jpg"}),
    )
    store.save_examples(tmp_path, VAL, examples)
    assert store.load_examples(tmp_path, VAL) == examples
