"""The files that are made from a study's record and its data are made anew where they are missing or damaged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from search.exports.rebuild import rebuild
from search.ledger.state import StudyState
from search.preflight.data import begun_with, read_data
from search.study.changes import check_data, merged
from search.study.config import StudyConfig
from search.study.folder import Layout
from search.study.provenance import data_facts
from search.study.yaml_file import dump_study, load_study, study_of
from trainables.data.files import replace_file
from trainables.data.samples import Split
from trainables.data.study_data import packed, read_study_data
from trainables.errors import UserError
from trainables.names import TRAIN, VAL


def restore(study: StudyConfig, layout: Layout, splits: Mapping[str, Split]) -> None:
    """Config and data of a study that goes on, as they are now."""
    _restore(layout.study_file, dump_study(study).encode())
    _restore_data(layout, splits)


def restore_ended(study: StudyConfig, layout: Layout, state: StudyState) -> None:
    """The same of a study that is over, and what the search left for others; what was edited by hand stays.

    The caller holds the study's lock. UserError where the data are needed and aren't what they were.
    """
    recorded = study_of(state.study)
    try:
        _refuse_torn(layout.study_file, dump_study(recorded))
        merged(state.name, recorded.model_dump(mode="json"), load_study(layout.study_file).model_dump(mode="json"))
    except UserError:
        _restore(layout.study_file, dump_study(recorded).encode())
    try:
        check_data(state.name, state.data, data_facts(read_study_data(layout.data_file)))
    except UserError:
        splits = read_data(study, begun_with(state))
        check_data(state.name, state.data, data_facts(splits))
        _restore_data(layout, splits)
    rebuild(layout.folder, study)


def _refuse_torn(path: Path, whole: str) -> None:
    """UserError where a file's end is missing: what is left of a config may be a config, too."""
    content = path.read_bytes() if path.is_file() else b""
    if len(content) < len(whole.encode()) and whole.encode().startswith(content):
        raise UserError(f"{path} must be whole, but its end is missing.")


def _restore_data(layout: Layout, splits: Mapping[str, Split]) -> None:
    _restore(layout.data_file, packed(splits[TRAIN], splits[VAL]))


def _restore(path: Path, content: bytes) -> None:
    if not path.is_file() or path.read_bytes() != content:
        replace_file(path, content)
