"""What the analysis reads from and leaves in a study folder: trials, predictions, the selection, the one final test.

Files appear whole or not at all. `selection.json` is frozen once the test was opened, `test_opened.json` is written
before any model sees test data, and `final_test.json` is written once and never again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from analysis.files import create_file, replace_file
from analysis.register import Opening
from analysis.results import Example, FinalTest, Selection
from analysis.results_json import example_from_json, final_test_from_json, selection_from_json, to_json
from trainables.errors import UserError
from trainables.names import (
    ANALYSIS_FOLDER,
    DATA_CHECK_FILE,
    FINAL_TEST_FILE,
    META_FILE,
    SELECTION_FILE,
    TEST_OPENED_FILE,
    TRIALS_FILE,
)
from trainables.records import Predictions, TrialRecord, study_checkpoint

MOST_WARNINGS = 3  # about the data, on a report's first screen


def now() -> str:
    """The time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_trials(study_folder: Path) -> tuple[TrialRecord, ...]:
    """All trials of a study that ended, as its `trials.jsonl` has them: while it runs or after a crash, those so far.

    A trial that was interrupted may have kept the weights of an epoch that isn't on record: it comes without its
    checkpoint, and a note says so.

    Raises UserError where the file is missing or empty, a line is no record, or a trial stands there twice.
    """
    path = study_folder / TRIALS_FILE
    lines = _read_text(path, "Run the study first.").splitlines()
    records = tuple(_record(path, number, line) for number, line in enumerate(lines, start=1) if line.strip())
    ids = [record.trial_id for record in records]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if not records:
        raise UserError(
            f"An analysis needs trials that ended, but {path} holds none: there is nothing to analyze yet. Run or "
            "resume the study; where its time budget was used up first, give it more (--set time_budget=...)."
        )
    if twice:
        raise UserError(
            f"{path} must hold every trial once, but holds these twice: {', '.join(twice)}. Run or resume the study."
        )
    return tuple(_sound(study_folder, record) for record in records)


def read_data_warnings(study_folder: Path) -> tuple[str, ...]:
    """What the search or a data check found in the data that may mislead: the first, a sentence or two each.

    Nothing of an older study's.

    Raises UserError where the file is damaged.
    """
    path = study_folder / DATA_CHECK_FILE
    if not path.is_file():
        return ()
    with _readable(path, "It was changed by hand or is damaged: remove it, and the report goes without."):
        findings = json.loads(path.read_text("utf-8"))["findings"]
        told = [f"{one['title']} {one['remedy']}".strip() for one in findings if one["level"] != "note"]
    more = f"{len(told) - MOST_WARNINGS} more such findings stand in {DATA_CHECK_FILE}."
    return (*told[:MOST_WARNINGS], *([more] if len(told) > MOST_WARNINGS else []))


def write_selection(study_folder: Path, selection: Selection) -> Path:
    """Freeze a selection as `analysis/selection.json`. Raises UserError once the test was opened."""
    refuse_if_opened(study_folder)
    path = _analysis(study_folder) / SELECTION_FILE
    replace_file(path, to_json(selection))
    return path


def read_selection(study_folder: Path) -> Selection:
    """The frozen selection. Raises UserError where there is none, or it can't be read."""
    path = _analysis(study_folder) / SELECTION_FILE
    text = _read_text(path, "Analyze the study first.")
    with _readable(path, "It was changed by hand or by another version: analyze the study again."):
        return selection_from_json(json.loads(text))


def selection_digest(selection: Selection) -> str:
    """SHA-256 (hex) over everything that the selection says."""
    return hashlib.sha256(to_json(selection)).hexdigest()


def refuse_if_opened(study_folder: Path) -> None:
    """Raises UserError where the test was opened: what was selected must stay what the test is about."""
    for name in (FINAL_TEST_FILE, TEST_OPENED_FILE):
        path = _analysis(study_folder) / name
        if path.exists():
            raise UserError(
                f"A selection must not change once the test was opened, but {path} says that it was. "
                "The report shows what stands; a new selection needs a new study and new test data."
            )


def refuse_if_tested(study_folder: Path) -> None:
    """Raises UserError where the final test has its result."""
    path = _analysis(study_folder) / FINAL_TEST_FILE
    if path.exists():
        when = _said(path, "evaluated")
        raise UserError(
            f"The test must be evaluated once only, but it was already evaluated on {when}. "
            f"The result stands in {path}; the report shows it."
        )


@dataclass(frozen=True)
class Openings:
    """How often the test was opened, and on which data."""

    selection_digest: str = ""
    times: tuple[str, ...] = ()  # ISO 8601, UTC
    digest: str | None = None  # of the test data that were opened last; None where that isn't on record
    changes: tuple[str, ...] = ()  # of the test data before an opening, in short, that were accepted


def read_openings(study_folder: Path) -> Openings:
    """What is on record of them. Raises UserError where it can't be read."""
    path = _analysis(study_folder) / TEST_OPENED_FILE
    if not path.exists():
        return Openings()
    with _readable(path, "It guards the test data: restore it from a backup."):
        raw = json.loads(path.read_text("utf-8"))
        tests = raw.get("tests", [])
        changes = tuple(one["change"] for one in tests if one["change"])
        return Openings(raw["selection_digest"], tuple(raw["opened"]), tests[-1]["digest"] if tests else None, changes)


def refuse_other_selection(study_folder: Path, digest: str) -> None:
    """Raises UserError where the test was opened for another selection than that with the digest."""
    opened = read_openings(study_folder)
    if opened.times and opened.selection_digest != digest:
        raise UserError(
            f"The test must be opened for one selection only, but {_analysis(study_folder) / TEST_OPENED_FILE} says "
            f"that it was opened on {opened.times[0]} for another ({opened.selection_digest[:12]}, not {digest[:12]}). "
            "Restore that selection.json, or take new test data."
        )


def open_final_test(
    study_folder: Path, digest: str, test_digest: str, change: str = "", earlier: Sequence[Opening] = ()
) -> Openings:
    """Record that the test is being opened for the selection with that digest; all openings, this one too.

    To be called before any model sees test data. `test_digest`: of these data; `change`: what was accepted of what has
    changed of them; `earlier`: openings for this selection that other records have. Opened before for the same
    selection, without a result (a crash, say), it may go on. Raises UserError where the test has its result, or was
    opened for another selection.
    """
    refuse_if_tested(study_folder)
    path = _analysis(study_folder) / TEST_OPENED_FILE
    at = datetime.now(UTC).isoformat(timespec="microseconds")  # no two are the same
    this = Opening(study_folder.name, test_digest, digest, at, change)
    try:
        create_file(path, _with_openings({"opened": []}, digest, [*earlier, this]))
    except FileExistsError:
        refuse_other_selection(study_folder, digest)
        before = json.loads(path.read_text("utf-8"))
        replace_file(path, _with_openings(before, digest, [*earlier, this]))
    return read_openings(study_folder)


def _with_openings(before: Mapping[str, Any], digest: str, more: Sequence[Opening]) -> bytes:
    """The file's content with those of the openings that it lacks, each once."""
    new = {one.at: {"digest": one.test, "change": one.change} for one in more if one.at not in before["opened"]}
    tests = [*before.get("tests", []), *new.values()]
    return _json({**before, "selection_digest": digest, "opened": [*before["opened"], *new], "tests": tests})


def write_final_test(study_folder: Path, result: FinalTest) -> Path:
    """Write `analysis/final_test.json`. Raises UserError, the file untouched, where it exists already."""
    path = _analysis(study_folder) / FINAL_TEST_FILE
    try:
        create_file(path, to_json(result))
    except FileExistsError:
        refuse_if_tested(study_folder)
        raise
    return path


def read_final_test(study_folder: Path) -> FinalTest | None:
    """The result of the final test; None where the test has none yet. Raises UserError where it can't be read."""
    path = _analysis(study_folder) / FINAL_TEST_FILE
    if not path.exists():
        return None
    with _readable(path, "Restore it from a backup: it can't be made a second time."):
        return final_test_from_json(json.loads(path.read_text("utf-8")))


def predictions_file(study_folder: Path, split: str, modality: str) -> Path:
    """Where the predictions of one modality on one split lie."""
    return _analysis(study_folder) / f"predictions_{split}_{modality}.npz"


def save_predictions(study_folder: Path, split: str, modality: str, predictions: Predictions) -> Path:
    """Save every row's logits as npz, without pickles."""
    path, buffer = predictions_file(study_folder, split, modality), io.BytesIO()
    np.savez_compressed(
        buffer,
        allow_pickle=False,
        ids=np.array(predictions.ids, dtype=np.str_),
        logits=predictions.logits,
        labels=predictions.labels,
        classes=np.array(predictions.classes, dtype=np.str_),
        seconds_per_sample=np.float64(predictions.seconds_per_sample),
    )
    replace_file(path, buffer.getvalue())
    return path


def load_predictions(study_folder: Path, split: str, modality: str) -> Predictions:
    """Saved predictions. Raises UserError where there are none, or the file is damaged."""
    path = predictions_file(study_folder, split, modality)
    if not path.exists():
        raise UserError(f"{path} must exist, but doesn't. Analyze the study, or copy its folder whole.")
    with _readable(path, "Analyze the study again."), np.load(path, allow_pickle=False) as held:
        return Predictions(
            ids=tuple(held["ids"].tolist()),
            logits=held["logits"],
            labels=held["labels"],
            classes=tuple(held["classes"].tolist()),
            seconds_per_sample=float(held["seconds_per_sample"]),
        )


def save_examples(study_folder: Path, split: str, examples: tuple[Example, ...]) -> Path:
    """Save what a person sees of every sample of a split, in the order of its predictions."""
    path = _analysis(study_folder) / f"samples_{split}.json"
    replace_file(path, to_json(examples))
    return path


def load_examples(study_folder: Path, split: str) -> tuple[Example, ...]:
    """Saved samples. Raises UserError where there are none, or the file is damaged."""
    path = _analysis(study_folder) / f"samples_{split}.json"
    text = _read_text(path, "Analyze the study, or copy its folder whole.")
    with _readable(path, "Analyze the study again."):
        return tuple(example_from_json(raw) for raw in json.loads(text))


def _analysis(study_folder: Path) -> Path:
    return study_folder / ANALYSIS_FOLDER


def _record(path: Path, number: int, line: str) -> TrialRecord:
    with _readable(path, f"Line {number} is no trial's record: run or resume the study, which writes it anew."):
        return TrialRecord.from_json(line)


def _sound(study_folder: Path, record: TrialRecord) -> TrialRecord:
    """The record, without a checkpoint that is of another epoch than the record's best."""
    if record.checkpoint is None or record.best is None:
        return record
    path = study_checkpoint(study_folder, record) / META_FILE
    if not path.is_file():
        return record  # said by name where it is selected
    with _readable(path, "Restore it from a backup, or begin the study anew."):
        epoch = json.loads(path.read_text("utf-8"))["epoch"]
    if epoch == record.best.epoch:
        return record
    note = (
        f"It can't be selected: its checkpoint is of epoch {epoch}, while on record epoch {record.best.epoch} is the "
        "best. Where it was interrupted, resuming the study mends that."
    )
    return dataclasses.replace(record, checkpoint=None, notes=(*record.notes, note))


def _read_text(path: Path, remedy: str) -> str:
    if not path.is_file():
        raise UserError(f"{path} must exist, but doesn't. {remedy}")
    return path.read_text("utf-8")


@contextlib.contextmanager
def _readable(path: Path, remedy: str) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, OSError, EOFError, RecursionError, BadZipFile) as error:
        raise UserError(f"{path} must be readable, but got {type(error).__name__}: {error}. {remedy}") from error


def _said(path: Path, key: str) -> str:
    try:
        return str(json.loads(path.read_text("utf-8"))[key])
    except (ValueError, KeyError, TypeError, OSError):
        return "an unknown date"


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()
