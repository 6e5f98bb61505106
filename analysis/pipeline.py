"""From trials to one honest number: select, predict val, fuse, freeze; then open the test once.

The models are given as callables, so that everything here runs without one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis import opening, store, wording
from analysis.answers import Answers, PredictSplit, answers_of, selected_ensemble, selected_model
from analysis.checks import check_checkpoints, check_kept_logits, check_reproduced
from analysis.choice import (
    Choice,
    EnsembleChoice,
    best_fusion,
    best_heads,
    chosen_ensemble,
    chosen_trials,
    richer_fusions,
)
from analysis.effort import measured_effort, write_effort
from analysis.evidence import blocks_of, measured_optimism
from analysis.examples import examples_of
from analysis.lineage import OpeningTerms, admit, data_digests, recorded_contents
from analysis.numbers.alpha_choice import FusionRule
from analysis.numbers.ensemble import Limits
from analysis.numbers.metrics import majority_class
from analysis.numbers.optimism import Optimism
from analysis.numbers.selection import stop_reasons
from analysis.opening import NoRecord, OpeningsRecord
from analysis.register import other_openings
from analysis.results import Chosen, FinalTest, SelectedModel, Selection, linear_fusions
from analysis.rows import LINEAR, ordered
from analysis.scoring import Row, comparisons, rows_of, score_rows, temperatures_of, with_temperatures
from analysis.train_doubts import train_doubts, write_train_doubts
from analysis.versions import versions
from trainables.errors import UserError
from trainables.heads.folds import groups_of
from trainables.modalities import modality_of
from trainables.names import DATA_FILE, ENSEMBLE, RICHER, TEST, TRAIN, VAL, FusionName
from trainables.records import Predictions, TrialRecord, study_checkpoint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainables.data.reading.options import ReadOptions
    from trainables.data.samples import Split

ReadSplits = Callable[[Path], "Mapping[str, Split]"]
ReadSplit = Callable[..., "Split"]
LinearBaseline = Callable[
    ["Mapping[str, Path]", "Split", "Mapping[str, Split]"], Mapping[str, Mapping[str, Predictions]]
]
ValLogits = Callable[[Path], "NDArray[np.float32] | None"]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Models:
    """What the pipeline needs of the data and of the trained models."""

    read_splits: ReadSplits  # study folder -> its train and val split, by name
    read_split: ReadSplit  # (source, classes=, modalities=, options=) -> the split there
    predict_split: PredictSplit  # (checkpoint folder, split) -> predictions in any order of samples
    linear_baseline: LinearBaseline  # (checkpoints by modality, train, splits) -> split -> modality -> predictions
    val_logits: ValLogits  # checkpoint folder -> its trial's val logits (N, C); None where it has none
    train_logits: ValLogits = lambda _: None  # the same of train, out of fold: heads alone have them


def real_models() -> Models:
    """The project's own; imported here because torch takes seconds to load."""
    from trainables.checkpoint import read_train_logits, read_val_logits
    from trainables.data.reading.read_split import read_split
    from trainables.data.study_data import read_study_data
    from trainables.inference import predict_split

    return Models(
        lambda folder: read_study_data(folder / DATA_FILE),
        read_split,
        predict_split,
        linear_baselines,
        read_val_logits,
        read_train_logits,
    )


def linear_baselines(
    checkpoints: Mapping[str, Path], train: Split, evaluate: Mapping[str, Split]
) -> dict[str, dict[str, Predictions]]:
    """Split -> modality -> predictions of the linear baseline, of those modalities that have one.

    `checkpoints` are the selected models' folders by modality.
    """
    found: dict[str, dict[str, Predictions]] = {name: {} for name in evaluate}
    for modality, folder in checkpoints.items():
        predictions = modality_of(modality).baseline(folder, train, evaluate) or {}
        for name, one in predictions.items():
            found[name][modality] = one
    return found


def analyze(
    study_folder: Path,
    *,
    progress: Progress | None = None,
    linear_baseline: bool = True,
    limits: Limits | None = None,
    rule: FusionRule | None = None,
    fusions: Sequence[FusionName] = RICHER,
    record: OpeningsRecord | None = None,
    models: Models | None = None,
) -> Selection:
    """Select the best trial of each modality and the best fusion on val, and freeze both as `analysis/selection.json`.

    `limits`: what an ensemble may cost that decides in their place where val shows that it gains; `rule`: how alpha is
    chosen; `fusions`: the richer ones that are tried beside it, one of which decides where val shows that it gains;
    `record`: the study's ledger, as far as it is about the test. May be repeated until the test is opened.
    Raises UserError where the test was opened, or no trial qualifies; RuntimeError where a checkpoint doesn't reproduce
    the val accuracy that its trial recorded, or the val logits that lie with it.
    """
    record = record or NoRecord()
    opening.refuse_if_opened(study_folder, record)
    models, say = models or real_models(), progress or _silent
    records = store.read_trials(study_folder)
    say(wording.on_record(stop_reasons(records)))
    modalities = ordered({record.modality for record in records})
    splits = models.read_splits(study_folder)
    val, val_logits = splits[VAL], cache(models.val_logits)
    choice = chosen_trials(study_folder, records, modalities, val.labels, val_logits)
    say(f"Selected {wording.listed([record.trial_id for record in choice.trials.values()])}")
    write_effort(study_folder, measured_effort(study_folder, records, val.labels, val_logits))
    groups = groups_of(val, recorded_contents(study_folder, VAL, val.ids))
    ensemble = chosen_ensemble(choice, records, val.labels, groups, limits or Limits())
    chosen = _chosen(study_folder, choice, ensemble, best_heads(records, modalities))
    say(f"Predicting {len(val.ids)} val samples")
    answers = answers_of(study_folder, chosen, val, models.predict_split)
    for trial in (*choice.trials.values(), *(ensemble.trials if ensemble else ())):
        _check(trial, answers.by_trial[trial.trial_id], val_logits(study_checkpoint(study_folder, trial)))
    baseline = _val_baseline(study_folder, chosen, splits, models, say) if linear_baseline else {}
    optimism = measured_optimism(choice, ensemble, val.labels, blocks_of(groups))
    terms = (rule or FusionRule(), fusions)
    selection = _selection(records[0].study, chosen, splits, answers, baseline, optimism, groups, *terms)
    write_train_doubts(study_folder, train_doubts(study_folder, selection, splits[TRAIN], models.train_logits))
    selection = _frozen(study_folder, selection, record, val, answers)
    say("Froze the selection")
    return selection


def _val_baseline(
    study_folder: Path, chosen: Chosen, splits: Mapping[str, Split], models: Models, say: Progress
) -> Mapping[str, Predictions]:
    say("Fitting the linear baseline")
    return _baseline(study_folder, chosen.models, splits[TRAIN], {VAL: splits[VAL]}, models)[VAL]


def _frozen(
    study_folder: Path, selection: Selection, record: OpeningsRecord, val: Split, answers: Answers
) -> Selection:
    """The selection with the test data's digest, written, unless the test was opened meanwhile."""
    bound = record.bound or data_digests(study_folder).get(TEST, "")
    frozen = replace(selection, test_digest=bound)
    with opening.alone(study_folder):
        opening.refuse_if_opened(study_folder, record)
        _save_rows(study_folder, VAL, val, answers)
        store.write_selection(study_folder, frozen)
    return frozen


def final_test(
    study_folder: Path,
    test_source: Path,
    *,
    options: ReadOptions | None = None,
    terms: OpeningTerms | None = None,
    record: OpeningsRecord | None = None,
    progress: Progress | None = None,
    models: Models | None = None,
) -> FinalTest:
    """Evaluate the frozen selection on the test data at `test_source`, read as the study's `options` say, once.

    The data are read and compared with those that the study is bound to, then the opening is recorded, then the models
    see them; should predicting fail, the same selection may try again. `record`: the study's ledger, as far as it is
    about the test. Raises UserError where there is no selection, the source doesn't exist, can't be read or isn't what
    the study is bound to, a checkpoint isn't the selected one any more, the test has its result already, or was opened
    for another selection, or another process is about it.
    """
    record, models, say = record or NoRecord(), models or real_models(), progress or _silent
    with opening.alone(study_folder):
        opening.refuse_if_tested(study_folder, record)
        selection = store.read_selection(study_folder)
        _check_source(test_source)
        check_checkpoints(study_folder, selection)
        digest, modalities = store.selection_digest(selection), tuple(selection.models)
        opening.refuse_other(study_folder, record, digest)
        say("Reading the test data")
        test = models.read_split(test_source, classes=selection.classes, modalities=modalities, options=options)
        terms = opening.bound_terms(terms or OpeningTerms(), record, selection)
        admitted = admit(study_folder, test, modalities, terms)
        opened = opening.begin(study_folder, record, digest, admitted.digest, admitted.change)
        say(f"Opened the test for selection {digest[:12]}: evaluating {len(test.ids)} samples")
        result = replace(
            _tested(selection, test, _evaluate(study_folder, selection, test, models)),
            openings=len(opened.times),
            test_source=str(test_source),
            test_digest=admitted.digest,
            changes=opened.changes,
            overlap=admitted.overlap,
            other_openings=other_openings(study_folder, admitted.digest, digest),
        )
        opening.end(study_folder, record, result)
    say("Wrote the test's result")
    return result


def _tested(selection: Selection, test: Split, rows: Mapping[str, Row]) -> FinalTest:
    """What the rows score on test, and how they compare."""
    blocks = blocks_of(groups_of(test))
    temperatures = {row: one.temperature for row, one in selection.val.items() if one.temperature is not None}
    return FinalTest(
        study=selection.study,
        selection_digest=store.selection_digest(selection),
        evaluated=store.now(),
        openings=1,
        test_source="",
        samples=len(test.ids),
        test=score_rows(rows, test, blocks, temperatures),
        comparisons=comparisons(rows, [*selection.models], selection.system, test, blocks),
        blocks=0 if blocks is None else len(np.unique(blocks)),
    )


def _evaluate(study_folder: Path, selection: Selection, test: Split, models: Models) -> dict[str, Row]:
    """What every row says of test; the predictions are kept."""
    answers = answers_of(study_folder, selection.chosen, test, models.predict_split)
    baseline: Mapping[str, Predictions] = {}
    if any(row.startswith(LINEAR) for row in selection.val):
        train = models.read_splits(study_folder)[TRAIN]
        baseline = _baseline(study_folder, selection.models, train, {TEST: test}, models)[TEST]
    _save_rows(study_folder, TEST, test, answers)
    return rows_of(
        answers.models,
        baseline,
        selection.fusion,
        selection.linear_fusion,
        selection.majority_class,
        frozen=answers.frozen,
        frozen_fusion=selection.frozen_fusion,
        ensemble=answers.ensemble,
        fusions=linear_fusions(selection.fusions),
    )


def _chosen(
    study_folder: Path, choice: Choice, ensemble: EnsembleChoice | None, heads: Mapping[str, TrialRecord]
) -> Chosen:
    return Chosen(
        {modality: selected_model(study_folder, record) for modality, record in choice.trials.items()},
        {modality: selected_model(study_folder, record) for modality, record in heads.items()},
        None if ensemble is None else selected_ensemble(study_folder, ensemble),
    )


def _check(record: TrialRecord, said: Predictions, kept: NDArray[np.float32] | None) -> None:
    """That a checkpoint says what its trial has on record, and what the val logits beside it say, where it has some."""
    check_reproduced(record, said)
    if kept is not None:
        check_kept_logits(record, kept, said)


def _check_source(test_source: Path) -> None:
    if not test_source.exists():
        raise UserError(
            f"The test data must exist, but {test_source} doesn't. Check the path: the test was not opened."
        )


def _silent(_message: str) -> None:
    pass


def _baseline(
    study_folder: Path, selected: Mapping[str, SelectedModel], train: Split, splits: Mapping[str, Split], models: Models
) -> dict[str, dict[str, Predictions]]:
    checkpoints = {modality: study_folder / model.checkpoint for modality, model in selected.items()}
    found = models.linear_baseline(checkpoints, train, splits)
    return {name: {modality: one.aligned(splits[name].ids) for modality, one in found[name].items()} for name in splits}


def _selection(
    study: str,
    chosen: Chosen,
    splits: Mapping[str, Split],
    answers: Answers,
    baseline: Mapping[str, Predictions],
    optimism: Optimism | None,
    groups: NDArray[np.int64],
    rule: FusionRule,
    names: Sequence[FusionName],
) -> Selection:
    classes, blocks = splits[VAL].classes, blocks_of(groups)
    majority = majority_class(splits[TRAIN].labels, len(classes))
    fusion, linear_fusion, frozen_fusion = (
        best_fusion(one, rule, blocks) for one in (answers.models, baseline, answers.frozen)
    )
    deploy = chosen.ensemble is None or not chosen.ensemble.deployed
    richer = richer_fusions(answers.models, names, rule, groups, deploy=deploy)
    rows = rows_of(
        answers.models,
        baseline,
        fusion,
        linear_fusion,
        majority,
        frozen=answers.frozen,
        frozen_fusion=frozen_fusion,
        ensemble=answers.ensemble,
        fusions=linear_fusions(richer),
    )
    return Selection(
        study=study,
        created=store.now(),
        classes=classes,
        majority_class=majority,
        models=chosen.models,
        fusion=fusion,
        linear_fusion=linear_fusion,
        val=score_rows(rows, splits[VAL], blocks, temperatures_of(rows, splits[VAL])),
        versions=versions(),
        frozen=chosen.frozen,
        frozen_fusion=frozen_fusion,
        ensemble=with_temperatures(chosen.ensemble, answers.by_trial),
        optimism=optimism,
        fusion_rule=rule,
        fusions=richer,
    )


def _save_rows(study_folder: Path, split_name: str, split: Split, answers: Answers) -> None:
    """What each selected model, by modality, and the ensemble say of every sample; and what a person sees of it."""
    rows = {**answers.models, **({} if answers.ensemble is None else {ENSEMBLE: answers.ensemble})}
    for row, one in rows.items():
        store.save_predictions(study_folder, split_name, row, one)
    store.save_examples(study_folder, split_name, examples_of(split))
