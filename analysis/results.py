"""What the analysis leaves behind as records: the selection and the one final test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from analysis.numbers.alpha_choice import FusionRule
from analysis.numbers.intervals import Interval
from analysis.numbers.metrics import Scores
from analysis.numbers.mixture import Mixture
from analysis.numbers.optimism import Optimism
from analysis.numbers.paired import Comparison
from analysis.rows import SINGLE
from trainables.names import ENSEMBLE, FUSED, TEST, VAL
from trainables.runtime.fusion import LinearFusion


@dataclass(frozen=True)
class SelectedModel:
    """The best trial of a modality."""

    modality: str
    trial_id: str
    checkpoint: str  # its folder, relative to the study folder
    checkpoint_sha256: Mapping[str, str]  # file name -> SHA-256 (hex) of the weights
    best_epoch: int
    val_accuracy: float  # share, as the trial recorded it


@dataclass(frozen=True)
class RowScores:
    """What one row of the results table scored on one split."""

    scores: Scores
    seconds_per_sample: float | None  # of inference, data preparation not counted; None where nothing is computed
    # What earlier versions didn't compute; all but the interval are of chances, which a row of mere decisions hasn't.
    interval: Interval | None = None  # of the accuracy
    log_loss: float | None = None
    brier: float | None = None
    calibration_error: float | None = None  # how far confidence lies from accuracy, root mean square
    temperature: float | None = None  # by which val says that logits are to be divided; frozen before the test
    calibrated_log_loss: float | None = None  # at that temperature


@dataclass(frozen=True)
class EnsembleResult:
    """Several trials of each modality that decide together, and what val says they gain over the selected ones."""

    members: Mapping[str, SelectedModel]  # by trial id, the modalities' in the registry's order
    weights: Mapping[str, float]  # by trial id, of their logits: 1 in sum
    gain: float  # share of the samples, cross-fitted on val
    standard_error: float
    p: float  # one-sided sign test
    deployed: bool  # whether the study ends with it: where its gain is shown
    temperatures: Mapping[str, float] = field(default_factory=dict)  # by modality: of its members where they are alone

    def shares(self) -> dict[str, float]:
        """The weight of each modality's members together."""
        found: dict[str, float] = {}
        for name, member in self.members.items():
            found[member.modality] = found.get(member.modality, 0.0) + self.weights[name]
        return found


@dataclass(frozen=True)
class FusionResult:
    """A richer fusion of the selected models, and what val says it gains over their single weights."""

    fusion: LinearFusion
    gain: float  # share of the samples, cross-fitted on val
    standard_error: float
    p: float  # one-sided sign test
    deployed: bool  # whether the study ends with it; of several whose gain is shown, the one that gains the most


@dataclass(frozen=True)
class Chosen:
    """The trials that a study's rows are about."""

    models: Mapping[str, SelectedModel]  # by modality: one of each, those that go best together
    frozen: Mapping[str, SelectedModel]  # by modality: the best heads on frozen features
    ensemble: EnsembleResult | None

    def by_trial(self) -> dict[str, SelectedModel]:
        """All of them by trial id."""
        members = self.ensemble.members.values() if self.ensemble else ()
        return {model.trial_id: model for model in (*self.models.values(), *self.frozen.values(), *members)}


@dataclass(frozen=True)
class Selection:
    """What was chosen on val, before the test: frozen as `selection.json` and known by its digest."""

    study: str
    created: str  # ISO 8601, UTC
    classes: tuple[str, ...]
    majority_class: int  # of the training data, index into classes
    models: Mapping[str, SelectedModel]  # by modality, in the registry's order
    fusion: Mixture | None  # None in a study of one modality
    linear_fusion: Mixture | None  # of the linear baselines; None where fewer than two modalities have one
    val: Mapping[str, RowScores]  # by row, see `rows`
    versions: Mapping[str, str]  # package -> version, of what made it
    # The best heads on frozen features, which stand beside the selected models, and their fusion.
    frozen: Mapping[str, SelectedModel] = field(default_factory=dict)
    frozen_fusion: Mixture | None = None
    ensemble: EnsembleResult | None = None  # None where there are no more trials than are selected, or none was wanted
    optimism: Optimism | None = None  # of the system's val accuracy; None where val logits weren't kept
    test_digest: str = ""  # of the manifest of the test data that the study is bound to, before they are opened
    fusion_rule: FusionRule = field(default_factory=FusionRule)  # how alpha was chosen
    # By name, those that were fitted: none where val has too few samples of a class, or none was wanted.
    fusions: Mapping[str, FusionResult] = field(default_factory=dict)

    @property
    def chosen(self) -> Chosen:
        """The trials that its rows are about."""
        return Chosen(self.models, self.frozen, self.ensemble)

    @property
    def system(self) -> str:
        """The row that the study ends with: what is deployed of ensemble and richer fusions, else `pair`."""
        return ENSEMBLE if self.deploys_ensemble else self.deployed_fusion or self.pair

    @property
    def deploys_ensemble(self) -> bool:
        """Whether several trials of each modality decide."""
        return self.ensemble is not None and self.ensemble.deployed

    @property
    def deployed_fusion(self) -> str | None:
        """The name of the richer fusion that is deployed."""
        return next((name for name, one in self.fusions.items() if one.deployed), None)

    @property
    def linear(self) -> LinearFusion | None:
        """How logits are fused that all modalities have, where a richer fusion is deployed."""
        name = self.deployed_fusion
        return None if name is None else self.fusions[name].fusion

    @property
    def pair(self) -> str:
        """The row of the selected models, one of each modality: fused, or the only modality."""
        return FUSED if self.fusion else next(iter(self.models))

    @property
    def shown_rows(self) -> tuple[str, ...]:
        """The rows that are looked at closely: each selected model, their fusion, what else is deployed."""
        fused = (FUSED,) if self.fusion else ()
        return tuple(dict.fromkeys((*self.models, *fused, self.system)))

    @property
    def best_single(self) -> str:
        """The modality of the best single model on val; of equals the first in the registry's order."""
        return max(self.models, key=lambda modality: self.val[modality].scores.accuracy)

    @property
    def temperatures(self) -> dict[str, float]:
        """By what may decide, the system, a modality alone, or the pair that stands in for a richer fusion.

        What its logits are divided by to be chances; 1 where none was frozen.
        """
        alone = {name: self.row_temperature(name) for name in self.models}
        if self.deploys_ensemble and self.ensemble is not None:
            alone = {name: self.ensemble.temperatures.get(name, 1.0) for name in self.ensemble.shares()}
        deciding = (self.system,) if self.linear is None else (self.pair, self.system)
        return {**alone, **{row: self.row_temperature(row) for row in deciding}}

    def row_temperature(self, row: str) -> float:
        """The same of a row of the results table."""
        return (row in self.val and self.val[row].temperature) or 1.0

    def metrics(self) -> dict[str, float]:
        """The val scores of every row by name: `val_fused_accuracy`, `val_fused_macro_f1`, ...

        For two modalities also `alpha`, for more `weight_<modality>` of each.
        """
        return {**_metrics(VAL, self.val), **_weight_metrics(self.fusion)}

    def summary(self) -> str:
        """What was selected, in a line each for a terminal."""
        lines = [
            f"Selected {model.trial_id}: val accuracy {model.val_accuracy:.1%} in epoch {model.best_epoch}"
            for model in self.models.values()
        ]
        if self.fusion:
            lines.append(f"Selected {_weights_in_words(self.fusion)}: val accuracy {self.fusion.accuracy:.1%} fused")
        if self.ensemble:
            lines.append(_ensemble_in_words(self.ensemble))
        lines += [_richer_in_words(name, one) for name, one in self.fusions.items()]
        return "\n".join(lines)


@dataclass(frozen=True)
class FinalTest:
    """The one evaluation on test data."""

    study: str
    selection_digest: str
    evaluated: str  # ISO 8601, UTC
    openings: int  # more than 1 where an earlier opening ended without a result
    test_source: str
    samples: int
    test: Mapping[str, RowScores]  # by row, as in Selection.val
    # What was not kept by earlier versions; what says nothing isn't written.
    test_digest: str = ""  # of the test data's manifest
    changes: tuple[str, ...] = ()  # of the test data before an opening, in short, that were accepted
    overlap: Mapping[str, int] = field(default_factory=dict)  # by split: test samples that are in it, too
    comparisons: Mapping[str, Comparison] = field(default_factory=dict)  # by what is compared, see `rows`
    other_openings: Mapping[str, int] = field(default_factory=dict)  # of the same test data, by study: other selections
    blocks: int = 0  # groups of samples that are alike, by which intervals were computed; 0: each stands for itself

    def metrics(self) -> dict[str, float]:
        """The test scores of every row by name: `test_fused_accuracy`, `test_fused_macro_f1`, ..."""
        return _metrics(TEST, self.test)

    def summary(self) -> str:
        """What every row scored, in a line each for a terminal."""
        rows = (f"  {row}: {one.scores.accuracy:.1%}" for row, one in self.test.items())
        opened = f", opened {times(self.openings)}" if self.openings > 1 else ""
        head = f"Test accuracy on {self.samples:,} samples, evaluated once{opened}:"
        return "\n".join([head, *rows, *(f"Note: {note}" for note in self.notes())])

    def notes(self) -> tuple[str, ...]:
        """What a reader must know before quoting a number, a sentence or two each."""
        found = []
        if self.openings > 1:
            found.append(
                f"The test data were opened {times(self.openings)} for this selection; the openings before the last "
                "ended without a result."
            )
        if self.other_openings:
            studies = ", ".join(f"{name} {times(count)}" for name, count in self.other_openings.items())
            every = self.openings + sum(self.other_openings.values())
            found.append(
                f"The test data were opened {times(every)} in this folder's studies, for other selections, too "
                f"({studies}): the more often one looks, the less a test number means."
            )
        found += [
            f"The test data had changed before an opening, which was accepted (--accept-changed-test): {change}."
            for change in self.changes
        ]
        found += [
            f"{count:,} of the {self.samples:,} test samples are in {split}, too."
            for split, count in self.overlap.items()
        ]
        return tuple(found)


@dataclass(frozen=True)
class Example:
    """What a person sees of one sample."""

    id: str
    inputs: Mapping[str, str | None]  # by modality: words, or a picture's absolute path; None where it has none


def linear_fusions(found: Mapping[str, FusionResult]) -> dict[str, LinearFusion]:
    """How they fuse, by name."""
    return {name: one.fusion for name, one in found.items()}


def quoted_numbers(selection: Selection, final: FinalTest) -> dict[str, float]:
    """What is quoted of a study's one test, by name: of what it ends with, and what fusing gained over a single model.

    Ends of intervals, and the gain, only where they are known.
    """
    row, gained = final.test[selection.system], final.comparisons.get(SINGLE)
    found: dict[str, float] = {"test_accuracy": row.scores.accuracy}
    if row.interval is not None:
        found |= {"test_accuracy_low": row.interval.low, "test_accuracy_high": row.interval.high}
    if gained is not None:
        ends = {"test_gain_low": gained.interval.low, "test_gain_high": gained.interval.high}
        found |= {"test_gain": gained.gain, **ends}
    counts = {"test_samples": final.samples, "test_openings": final.openings}
    return {**found, **counts, "temperature": selection.row_temperature(selection.system)}


def times(count: int) -> str:
    """`once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _metrics(split: str, rows: Mapping[str, RowScores]) -> dict[str, float]:
    named = {f"{split}_{row}_accuracy": one.scores.accuracy for row, one in rows.items()}
    named.update({f"{split}_{row}_macro_f1": one.scores.macro_f1 for row, one in rows.items()})
    return named


def _weight_metrics(fusion: Mixture | None) -> dict[str, float]:
    if fusion is None:
        return {}
    if fusion.best_alpha is not None:
        return {"alpha": fusion.best_alpha.alpha}
    return {f"weight_{modality}": weight for modality, weight in fusion.weights.items()}


def _weights_in_words(fusion: Mixture) -> str:
    if fusion.best_alpha is not None:
        return f"alpha {fusion.best_alpha.alpha:.4f}"
    return "weights " + ", ".join(f"{modality} {weight:.4f}" for modality, weight in fusion.weights.items())


def _ensemble_in_words(ensemble: EnsembleResult) -> str:
    together, gain = ", ".join(ensemble.members), _gain_in_words(ensemble)
    if ensemble.deployed:
        return f"Selected the ensemble of {together}: {gain}"
    return f"An ensemble of {together} isn't deployed: {gain}"


def _richer_in_words(name: str, found: FusionResult) -> str:
    gain = _gain_in_words(found)
    return f"Selected the fusion {name}: {gain}" if found.deployed else f"The fusion {name} isn't deployed: {gain}"


def _gain_in_words(found: EnsembleResult | FusionResult) -> str:
    error = f"{100 * found.standard_error:.1f}"
    return f"{100 * found.gain:+.1f} points over the pair on val, cross-fitted (standard error {error})"
