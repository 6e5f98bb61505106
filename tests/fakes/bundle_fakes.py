"""A study that may be exported: small models that were trained for real, chosen by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from modality_names import IMAGE, TEXT
from trainables_fakes import CLASSES, build, make_data

from analysis.files import file_sha256
from analysis.numbers.fusion import BestAlpha
from analysis.numbers.metrics import score
from analysis.numbers.mixture import Mixture
from analysis.results import EnsembleResult, Example, RowScores, SelectedModel, Selection
from analysis.store import save_examples, write_selection
from trainables.build import build_trial
from trainables.checkpoint import write_checkpoint
from trainables.modality import DataAccess
from trainables.names import ENSEMBLE, HEAD, VAL, WEIGHTS_FILE
from trainables.runtime.bundle import BUNDLE_FILE, DIGESTS_FILE, FORMAT

STUDY = "small"
ALONE = {IMAGE: 1.5, TEXT: 0.8}  # temperatures of an ensemble's members where one modality is alone
HEADS: dict[str, dict[str, Any]] = {
    IMAGE: {HEAD: "kernel_ridge", "backbone": "tf_efficientnet_lite0", "size": 32},
    TEXT: {HEAD: "logistic", "backbone": None},
}


def exportable(folder: Path, *, ensemble: bool = False) -> tuple[Path, DataAccess]:
    """The study's folder and its data: a network of each modality; with `ensemble` a head of each beside it."""
    data = make_data(folder / "data")
    study = folder / "studies" / STUDY
    models = {modality: trained(study, data, modality) for modality in (IMAGE, TEXT)}
    heads = {modality: trained(study, data, modality, head=True) for modality in (IMAGE, TEXT)} if ensemble else {}
    weights = dict(
        zip([one.trial_id for one in (*models.values(), *heads.values())], (0.1, 0.2, 0.3, 0.4), strict=False)
    )
    members = {one.trial_id: one for pair in ((models[m], heads[m]) for m in heads) for one in pair}
    val = data.splits[VAL]
    right = score(np.eye(len(CLASSES))[val.labels], val.labels, CLASSES)
    rows = {IMAGE: 0.5, TEXT: 2.0, "fused": 0.25, **({ENSEMBLE: 0.75} if ensemble else {})}
    selection = Selection(
        study=STUDY,
        created="2026-01-01T00:00:00+00:00",
        classes=CLASSES,
        majority_class=0,
        models=models,
        fusion=Mixture.of_alpha(BestAlpha(0.4, 0.9, 0.3, 0.5), IMAGE, TEXT),
        linear_fusion=None,
        val={name: RowScores(right, 0.001, temperature=temperature) for name, temperature in rows.items()},
        versions={},
        ensemble=EnsembleResult(members, weights, 0.01, 0.005, 0.01, deployed=True, temperatures=ALONE)
        if ensemble
        else None,
    )
    write_selection(study, selection)
    shown = (Example(one, {m: str(val.items(m)[row]) for m in (IMAGE, TEXT)}) for row, one in enumerate(val.ids))
    save_examples(study, VAL, tuple(shown))
    (study / "study.yaml").touch()  # by which the command line knows a study
    return study, data


def trained(study: Path, data: DataAccess, modality: str, *, head: bool = False) -> SelectedModel:
    """A trial after an epoch, its checkpoint in the study's folder."""
    built = build_trial(modality, HEADS[modality], data, 3) if head else build(modality, data)
    built.learner.train_epoch()
    built.learner.evaluate()
    trial_id = f"{modality}_{'head_' if head else ''}000"
    checkpoint = f"{modality}/{trial_id}/best"
    write_checkpoint(study / checkpoint, built.learner.weights(), built.meta, companions=built.companions)
    digests = {WEIGHTS_FILE: file_sha256(study / checkpoint / WEIGHTS_FILE)}
    return SelectedModel(modality, trial_id, checkpoint, digests, 1, 0.9)


def written_bundle(folder: Path, digest: str) -> Path:
    """A bundle that has what the registry reads of it, and no model."""
    members = [{"modality": name, "input": {"kind": kind}} for name, kind in ((IMAGE, "pictures"), (TEXT, "captions"))]
    about = {"format": FORMAT, "selection_digest": digest, "tested": True, "members": members}
    (folder / "binwise_runtime").mkdir(parents=True)
    (folder / "binwise_runtime" / "__init__.py").touch()
    (folder / BUNDLE_FILE).write_text(json.dumps(about), "utf-8")
    (folder / DIGESTS_FILE).write_text(f"{file_sha256(folder / BUNDLE_FILE)}  {BUNDLE_FILE}\n", "utf-8")
    return folder
