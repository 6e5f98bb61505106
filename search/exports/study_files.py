"""The study's files in MLflow, computed from the ledger's state."""

from __future__ import annotations

import csv
import io
from contextlib import suppress

from pydantic import ValidationError

from search.exports.addresses import redacted
from search.ledger.state import StudyState
from search.space.dimensions import describe
from search.study.config import StudyConfig
from search.study.yaml_file import dump_yaml, study_of
from trainables.names import STUDY_FILE
from trainables.words import harmless_cell

SPACE_FILE = "space.txt"
LEADERBOARD_FILE = "leaderboard.csv"
COLUMNS = ("modality", "trial_id", "best_val_accuracy", "best_epoch", "epochs", "stop_reason", "seconds", "notes")


def study_files(state: StudyState) -> dict[str, bytes]:
    """The config without secrets, the space in words and, once a session has ended, the leaderboard; by name."""
    tracking = state.study.get("tracking") or {}
    shown = {**state.study, "tracking": {**tracking, "uri": redacted(tracking["uri"]) if tracking.get("uri") else None}}
    files = {STUDY_FILE: dump_yaml(shown).encode()}
    with suppress(ValidationError):  # a config of another version
        files[SPACE_FILE] = space_text(study_of(state.study)).encode()
    if any(session.outcome for session in state.sessions):
        files[LEADERBOARD_FILE] = leaderboard(state).encode()
    return files


def space_text(study: StudyConfig) -> str:
    """The search space as a person reads it."""
    lines = []
    for modality in study.modalities:
        section = study.section(modality)
        lines.append(f"{modality}: {section.trial_count()} trials, {section.search.method}")
        lines += [f"  {key}: {text}" for key, text in describe(section.search.space)]
    return "\n".join(lines) + "\n"


def leaderboard(state: StudyState) -> str:
    """CSV with a row a trial that came to an end, the best of each modality first."""
    records = [state.record(trial) for trial in state.trials.values() if trial.stop_reason is not None]
    records.sort(key=lambda one: (one.modality, -(one.best.val_accuracy if one.best else -1.0)))
    params = sorted({key for record in records for key in record.params})
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"param.{key}" for key in params)])
    for one in records:
        best = (one.best.val_accuracy, one.best.epoch) if one.best else ("", "")
        end = (len(one.epochs), one.stop_reason.value, round(one.seconds, 1), " ".join(one.notes))
        cells = [one.modality, one.trial_id, *best, *end, *(one.params.get(key, "") for key in params)]
        writer.writerow([harmless_cell(cell) if isinstance(cell, str) else cell for cell in cells])
    return stream.getvalue()
