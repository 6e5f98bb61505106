"""A study is begun, or gone on with: what is there, what may have changed, and the ledger open for writing."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError

from search.decide.rung_zero import hopeless
from search.decide.warm_start import warm_trials
from search.exports.cursor import without_password
from search.ledger.events import DataBound, StudyChanged, StudyCreated
from search.ledger.ledger import Ledger, read_ledger
from search.ledger.lines import mirror_of
from search.ledger.state import Outcome, StudyState
from search.machines.shares import Node, Share
from search.session.mode import Mode
from search.session.restore_files import restore, restore_manifests
from search.study.changes import changes, check_data, merged
from search.study.config import StudyConfig
from search.study.counter import as_begun
from search.study.folder import Layout, create_study_folder
from search.study.lineage import Lineage, check_lineage
from search.study.provenance import code_commit, data_facts, versions
from search.study.yaml_file import dump_study, study_of
from trainables.data.check.findings import Finding, as_json
from trainables.data.samples import Split
from trainables.data.study_data import packed
from trainables.errors import UserError
from trainables.names import DATA_CHECK_FILE, TEST, TRAIN, VAL
from trainables.words import human_seconds

ENDED = (Outcome.FINISHED, Outcome.TARGET)


def found_state(layout: Layout) -> StudyState | None:
    """What is on record about the study; None where there is none of its name.

    UserError where the record is damaged, or the folder holds something else.
    """
    if not _is_taken(layout):
        return None
    if not layout.ledger_file.is_file() and not mirror_of(layout.ledger_file).is_file():
        raise UserError(
            f"A study has its record in {layout.ledger_file.name}, but {layout.folder} holds other files, such as "
            "those of an older Binwise: use another name (--set name=...), or --replace to remove them."
        )
    return read_ledger(layout.ledger_file)[1]


def _is_taken(layout: Layout) -> bool:
    """Whether there is anything in the study's folder."""
    return layout.folder.is_dir() and any(layout.folder.iterdir())


def continued(study: StudyConfig, state: StudyState | None, mode: Mode) -> StudyConfig:
    """The config to go on with. UserError where the study is there and that wasn't expected, or has changed."""
    if state is None:
        if mode.more:
            raise UserError(f"Only a study that was run can be extended, but {study.name!r} wasn't: leave --more out.")
        return study
    if not mode.resume and not mode.more:
        raise UserError(already_there(state))
    if mode.warm_start:
        raise UserError("A study learns from another one when it begins: --warm-start doesn't go with --resume.")
    before = _as_now(state.study)
    config = merged(study.name, before, as_begun(study, before).model_dump(mode="json"))
    if mode.more:
        for modality in study.modalities:
            section = study.section(modality)
            if section.search.space:
                config[modality]["search"]["trials"] += mode.more
                if section.search.patience_trials is not None:  # who asks for more doesn't want to be told to stop
                    config[modality]["search"]["patience_trials"] += mode.more
    return study_of(config)


def _as_now(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """A recorded config with the keys that have come since, at their defaults."""
    try:
        return study_of(config).model_dump(mode="json")
    except ValidationError:  # a key of it is gone: it is named as changed
        return config


def earlier_shares(study: StudyConfig, state: StudyState | None, nodes: Sequence[Node]) -> dict[str, Share] | None:
    """What trials were given in the last session, where neither the config nor the machines have changed since."""
    if state is None or not state.sessions or state.sessions[-1].nodes != [asdict(node) for node in nodes]:
        return None
    if changes(_as_now(state.study), without_password(study).model_dump(mode="json")):
        return None
    return {modality: Share(**share) for modality, share in state.sessions[-1].shares.items()} or None


def is_over(study: StudyConfig, state: StudyState | None) -> bool:
    """Whether the study has come to its end and there is nothing to add."""
    if state is None or state.outcome not in ENDED:
        return False
    return all(
        state.created_count(modality) >= study.section(modality).trial_count()
        or state.outcome == Outcome.TARGET
        or hopeless(state, modality, study.section(modality).search.patience_trials) is not None
        for modality in study.modalities
    ) and not any(
        # The record has no password, and `binwise sync` takes what is there elsewhere.
        not key.startswith("tracking.")
        for key in changes(study_of(state.study).model_dump(mode="json"), study.model_dump(mode="json"))
    )


def already_there(state: StudyState) -> str:
    """What there is, and what can be done."""
    ended = sum(trial.over for trial in state.trials.values())
    best = state.best_trial()
    value = f", the best val accuracy is {best.best.val_accuracy:.3f} ({best.trial_id})" if best and best.best else ""
    ago = human_seconds(max(0.0, time.time() - state.last_at))
    over = state.outcome in ENDED
    how = "its search is over" if over else "its search isn't over"
    remedy = "extend it with --more N" if over else "go on with --resume"
    return (
        f"The study {state.name!r} is there already, last written {ago} ago: {ended} of {len(state.trials)} trials "
        f"ended{value}, {how}. To {remedy}; to begin anew use --replace, or another name (--set name=...)."
    )


def open_study(
    study: StudyConfig,
    layout: Layout,
    splits: Mapping[str, Split],
    mode: Mode,
    *,
    shown_study: StudyConfig,
    lineage: Lineage,
    findings: Sequence[Finding] = (),
) -> Ledger:
    """The ledger of a new study, or of the one that is there, with what has changed on record.

    `shown_study`: the config as it may be written down, without secrets; `findings`: what a new study's data were found
    to have. UserError where train or val has changed.
    """
    config = shown_study.model_dump(mode="json")
    if not _is_taken(layout):
        _create(shown_study, layout, splits, mode, lineage, findings)
        return Ledger(layout.ledger_file)
    ledger = Ledger(layout.ledger_file)
    try:
        check_lineage(study.name, ledger.state.bound, layout.folder, lineage.manifests)
        check_data(study.name, ledger.state.data, data_facts(splits))
    except UserError:
        ledger.close()
        raise
    if config != ledger.state.study:
        ledger.append(StudyChanged(config))
    new = {split: facts for split, facts in lineage.facts().items() if split not in ledger.state.bound}
    if new:
        ledger.append(DataBound(new))
    restore(shown_study, layout, splits)
    restore_manifests(layout, ledger.state.bound, lineage)
    return ledger


def _create(
    shown_study: StudyConfig,
    layout: Layout,
    splits: Mapping[str, Split],
    mode: Mode,
    lineage: Lineage,
    findings: Sequence[Finding],
) -> None:
    facts = lineage.facts()
    created = StudyCreated(
        study=shown_study.model_dump(mode="json"),
        data={split: {**own, **facts[split]} for split, own in data_facts(splits).items()},
        versions=versions(),
        commit=code_commit(),
        uid=uuid.uuid4().hex,
        warm=warm_trials(mode.warm_start, shown_study, layout.runs) if mode.warm_start else None,
        test=facts.get(TEST),
    )
    files = lineage.files() | ({DATA_CHECK_FILE: as_json(findings)} if findings else {})
    create_study_folder(layout, dump_study(shown_study), packed(splits[TRAIN], splits[VAL]), created, files)


def remove_study(layout: Layout) -> None:
    """Remove what an earlier study of that name left; first out of the way, so that half a study never looks whole."""
    if layout.folder.exists():
        doomed = layout.folder.with_name(f".{layout.name}.removed.{uuid.uuid4().hex[:8]}")
        layout.folder.rename(doomed)
        shutil.rmtree(doomed)
