"""The study's files in MLflow, computed from the ledger's state."""

from __future__ import annotations

from contextlib import suppress

from pydantic import ValidationError

from search.exports.addresses import redacted
from search.ledger.state import StudyState
from search.space.dimensions import describe
from search.study.config import StudyConfig
from search.study.yaml_file import dump_yaml, study_of
from trainables.leaderboard import LEADERBOARD_FILE, by_accuracy, leaderboard_csv
from trainables.names import STUDY_FILE

SPACE_FILE = "space.txt"


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
    """The leaderboard of the trials that came to an end."""
    ended = [state.record(trial) for trial in state.trials.values() if trial.stop_reason is not None]
    return leaderboard_csv(by_accuracy(ended))
