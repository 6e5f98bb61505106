"""From trials to one honest number: select, predict val, fuse, freeze; then open the test once.

The models are given as callables, so that everything here runs without one.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis import store, wording
from analysis.files import file_sha256
from analysis.numbers.fusion import BestAlpha, alpha_curve, best_alpha, fuse
from analysis.numbers.metrics import majority_class, score
from analysis.numbers.selection import select_best, stop_reasons
from analysis.results import (
    LINEAR_ROWS,
    MAJORITY,
    Evaluation,
    Example,
    FinalTest,
    SelectedModel,
    Selection,
)
from trainables.errors import UserError
from trainables.names import DATA_FILE, FUSED, IMAGE, MODALITIES, TEST, TEXT, TRAIN, VAL, WEIGHTS_FILE
from trainables.records import Predictions, TrialRecord, study_checkpoint

if TYPE_CHECKING:
    from trainables.data.samples import Split

ReadSplits = Callable[[Path], "Mapping[str, Split]"]
ReadSplit = Callable[..., "Split"]
PredictSplit = Callable[[Path, "Split"], Predictions]
LinearBaseline = Callable[["Path | None", "Split", "Mapping[str, Split]"], Mapping[str, Mapping[str, Predictions]]]
Progress = Callable[[str], None]

REPORTED_PACKAGES = (
    "binwise", "torch", "torchvision", "timm", "transformers", "ray", "optuna", "scikit-learn", "numpy"
)  # fmt: skip


@dataclass(frozen=True)
class Models:
    """What the pipeline needs of the data and of the trained models."""

    read_splits: ReadSplits  # study folder -> its train and val split, by name
    read_split: ReadSplit  # (source, classes=, need_images=) -> the split there
    predict_split: PredictSplit  # (checkpoint folder, split) -> predictions in any order of samples
    linear_baseline: LinearBaseline  # (image checkpoint or None, train, splits) -> split -> modality -> predictions


def real_models() -> Models:
    """The project's own; imported here because torch takes seconds to load."""
    from trainables.data.read_split import read_split
    from trainables.data.samples import read_study_data
    from trainables.inference import predict_split
    from trainables.modalities import modality_of

    def linear_baseline(
        image_checkpoint: Path | None, train: Split, evaluate: Mapping[str, Split]
    ) -> Mapping[str, Mapping[str, Predictions]]:
        checkpoints = {IMAGE: image_checkpoint} if image_checkpoint is not None else {}
        found: dict[str, dict[str, Predictions]] = {name: {} for name in evaluate}
        for name in MODALITIES:
            if name == IMAGE and image_checkpoint is None:
                continue
            predictions = modality_of(name).baseline(checkpoints.get(name, Path()), train, evaluate) or {}
            for split, one in predictions.items():
                found[split][name] = one
        return found

    return Models(lambda folder: read_study_data(folder / DATA_FILE), read_split, predict_split, linear_baseline)


def analyze(
    study_folder: Path, *, progress: Progress | None = None, linear_baseline: bool = True, models: Models | None = None
) -> Selection:
    """Select the best trial of each modality and the best alpha on val, and freeze both as `analysis/selection.json`.

    May be repeated until the test is opened. UserError where the test was opened, or no trial qualifies; RuntimeError
    where a checkpoint doesn't reproduce the val accuracy that its trial recorded.
    """
    store.refuse_if_opened(study_folder)
    models, say = models or real_models(), progress or _silent
    records = store.read_trials(study_folder)
    say(wording.on_record(stop_reasons(records)))
    best = {modality: select_best(records, modality) for modality in MODALITIES if _has(records, modality)}
    splits = models.read_splits(study_folder)
    val = splits[VAL]
    say(f"Selected {' and '.join(record.trial_id for record in best.values())}")
    say(f"Predicting {len(val.ids)} val samples")
    selected = {modality: _selected(study_folder, record) for modality, record in best.items()}
    predictions = _predict(study_folder, selected, val, models)
    for modality, record in best.items():
        _check_reproduced(record, predictions[modality])
    baseline: Mapping[str, Predictions] = {}
    if linear_baseline:
        say("Fitting the linear baseline")
        baseline = _baseline(study_folder, selected, splits[TRAIN], {VAL: val}, models)[VAL]
    selection = _selection(records[0].study, selected, splits, predictions, baseline)
    _save_rows(study_folder, VAL, val, predictions)
    store.write_selection(study_folder, selection)
    say("Froze the selection")
    return selection


def final_test(
    study_folder: Path, test_source: Path, *, progress: Progress | None = None, models: Models | None = None
) -> FinalTest:
    """Evaluate the frozen selection on the test data at `test_source`, once.

    The opening is recorded before the data are read; should reading or predicting fail, the same selection may try
    again. UserError where there is no selection, the source doesn't exist, a checkpoint isn't the selected one any
    more, the test has its result already, or it was opened for another selection.
    """
    store.refuse_if_tested(study_folder)
    say = progress or _silent
    selection = store.read_selection(study_folder)
    check_test_source(test_source)
    _check_checkpoints(study_folder, selection)
    models = models or real_models()
    digest = store.selection_digest(selection)
    openings = store.open_final_test(study_folder, digest)
    say(f"Opened the test for selection {digest[:12]}")
    test = models.read_split(test_source, classes=selection.classes, modalities=tuple(selection.models))
    say(f"Evaluating {len(test.ids)} test samples")
    predictions = _predict(study_folder, selection.models, test, models)
    baseline: Mapping[str, Predictions] = {}
    if any(row in selection.val for row in LINEAR_ROWS.values()):
        train = models.read_splits(study_folder)[TRAIN]
        baseline = _baseline(study_folder, selection.models, train, {TEST: test}, models)[TEST]
    rows = _evaluations(predictions, baseline, selection.fusion, selection.linear_fusion, selection.majority_class)
    _save_rows(study_folder, TEST, test, predictions)
    result = FinalTest(selection.study, digest, store.now(), openings, str(test_source), len(test.ids), rows)
    store.write_final_test(study_folder, result)
    say("Wrote the test's result")
    return result


def check_test_source(
    test_source: Path, train_source: Path | None = None, *, modalities: Sequence[str] = MODALITIES
) -> None:
    """UserError where the test data aren't there.

    With `train_source`, before a search, also where the test split is empty, has a class that train lacks or, where
    texts are needed, an empty text: names are listed for that and forgotten, no picture is opened.
    """
    from trainables.data.read_split import read_split

    if not test_source.exists():
        raise UserError(
            f"The test data must exist, but {test_source} doesn't. Check the path: the test was not opened."
        )
    if train_source is not None:
        classes = read_split(train_source, modalities=modalities).classes
        read_split(test_source, classes=classes, modalities=modalities)


def _silent(_message: str) -> None:
    pass


def _has(records: Sequence[TrialRecord], modality: str) -> bool:
    return any(record.modality == modality for record in records)


def _selected(study_folder: Path, record: TrialRecord) -> SelectedModel:
    best, checkpoint = record.best, record.checkpoint
    if best is None or checkpoint is None:
        raise RuntimeError(f"{record.trial_id} was selected, but has no epoch or no checkpoint.")
    digest = file_sha256(study_checkpoint(study_folder, record) / WEIGHTS_FILE)
    return SelectedModel(
        record.modality, record.trial_id, checkpoint, {WEIGHTS_FILE: digest}, best.epoch, best.val_accuracy
    )


def _predict(
    study_folder: Path, selected: Mapping[str, SelectedModel], split: Split, models: Models
) -> dict[str, Predictions]:
    """By modality, all in the order of the split's samples."""
    found = {
        modality: models.predict_split(study_folder / model.checkpoint, split).aligned(split.ids)
        for modality, model in selected.items()
    }
    for modality, one in found.items():
        if one.classes != split.classes or not np.array_equal(one.labels, split.labels):
            raise RuntimeError(f"The {modality} model must know the classes {split.classes}, but got {one.classes}.")
    return found


def _baseline(
    study_folder: Path, selected: Mapping[str, SelectedModel], train: Split, splits: Mapping[str, Split], models: Models
) -> dict[str, dict[str, Predictions]]:
    image = study_folder / selected[IMAGE].checkpoint if IMAGE in selected else None
    found = models.linear_baseline(image, train, splits)
    return {
        name: {modality: one.aligned(splits[name].ids) for modality, one in found[name].items() if modality in selected}
        for name in splits
    }


def _selection(
    study: str,
    selected: Mapping[str, SelectedModel],
    splits: Mapping[str, Split],
    predictions: Mapping[str, Predictions],
    baseline: Mapping[str, Predictions],
) -> Selection:
    classes = splits[VAL].classes
    majority = majority_class(splits[TRAIN].labels, len(classes))
    fusion, linear_fusion = _best_fusion(predictions), _best_fusion(baseline)
    return Selection(
        study=study,
        created=store.now(),
        classes=classes,
        majority_class=majority,
        models=selected,
        fusion=fusion,
        linear_fusion=linear_fusion,
        val=_evaluations(predictions, baseline, fusion, linear_fusion, majority),
        versions=_versions(),
    )


def _best_fusion(predictions: Mapping[str, Predictions]) -> BestAlpha | None:
    if IMAGE not in predictions or TEXT not in predictions:
        return None
    image, text = predictions[IMAGE], predictions[TEXT]
    return best_alpha(alpha_curve(image.logits, text.logits, image.labels))


def _evaluations(
    predictions: Mapping[str, Predictions],
    baseline: Mapping[str, Predictions],
    fusion: BestAlpha | None,
    linear_fusion: BestAlpha | None,
    majority: int,
) -> dict[str, Evaluation]:
    """By row of the results table; the predictions are of one split and in one order."""
    one = next(iter(predictions.values()))
    guesses = np.full(len(one.ids), majority)
    linear = {LINEAR_ROWS[modality]: found for modality, found in _with_fused(baseline, linear_fusion).items()}
    return {
        **_with_fused(predictions, fusion),
        **linear,
        MAJORITY: _evaluation(guesses, one, None),
    }


def _with_fused(predictions: Mapping[str, Predictions], fusion: BestAlpha | None) -> dict[str, Evaluation]:
    rows = {modality: _evaluation(one.logits, one, one.seconds_per_sample) for modality, one in predictions.items()}
    if fusion is not None:
        image, text = predictions[IMAGE], predictions[TEXT]
        fused = fuse(image.logits, text.logits, fusion.alpha)
        rows[FUSED] = _evaluation(fused, image, image.seconds_per_sample + text.seconds_per_sample)
    return rows


def _evaluation(values: NDArray[np.generic], one: Predictions, seconds: float | None) -> Evaluation:
    return Evaluation(score(values, one.labels, one.classes), seconds)


def _check_reproduced(record: TrialRecord, predictions: Predictions) -> None:
    found = score(predictions.logits, predictions.labels, predictions.classes).accuracy
    expected = record.best.val_accuracy if record.best else float("nan")
    allowed = 1e-3 + 1 / len(predictions.ids)  # the same weights on another device may flip a sample
    if not abs(found - expected) <= allowed:
        raise RuntimeError(
            f"The checkpoint of {record.trial_id} must reproduce the val accuracy of its trial within {allowed:.4f}, "
            f"but got {found:.4f} instead of {expected:.4f}: the val data or the checkpoint changed since the trial."
        )


def _check_checkpoints(study_folder: Path, selection: Selection) -> None:
    for model in selection.models.values():
        for name, expected in model.checkpoint_sha256.items():
            path = study_folder / model.checkpoint / name
            if file_sha256(path) != expected:
                raise UserError(
                    f"{path} must be the file that was selected, but its SHA-256 differs from selection.json. "
                    "Restore the file, or analyze the study again before the test is opened."
                )


def _save_rows(study_folder: Path, split_name: str, split: Split, predictions: Mapping[str, Predictions]) -> None:
    for modality, one in predictions.items():
        store.save_predictions(study_folder, split_name, modality, one)
    rows = zip(split.ids, split.inputs[TEXT], split.inputs[IMAGE], strict=True)
    examples = tuple(Example(sample_id, text, str(image) if image else None) for sample_id, text, image in rows)
    store.save_examples(study_folder, split_name, examples)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in REPORTED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
