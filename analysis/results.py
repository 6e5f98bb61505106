"""What the analysis leaves behind as records: the selection and the one final test, and how they become JSON.

The fusion of two modalities is written as its alpha, the weight of the second in the registry's order; that of more as
the weights by modality.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analysis.numbers.fusion import BestAlpha
from analysis.numbers.metrics import Scores
from analysis.numbers.mixture import Mixture
from analysis.rows import linear_row, ordered
from trainables.names import ENSEMBLE, FUSED, TEST, VAL


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


@dataclass(frozen=True)
class EnsembleResult:
    """Several trials of each modality that decide together, and what val says they gain over the selected ones."""

    members: Mapping[str, SelectedModel]  # by trial id, the modalities' in the registry's order
    weights: Mapping[str, float]  # by trial id, of their logits: 1 in sum
    gain: float  # share of the samples, cross-fitted on val
    standard_error: float
    p: float  # one-sided sign test
    deployed: bool  # whether the study ends with it: where its gain is shown

    def shares(self) -> dict[str, float]:
        """The weight of each modality's members together."""
        found: dict[str, float] = {}
        for name, member in self.members.items():
            found[member.modality] = found.get(member.modality, 0.0) + self.weights[name]
        return found


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

    @property
    def chosen(self) -> Chosen:
        """The trials that its rows are about."""
        return Chosen(self.models, self.frozen, self.ensemble)

    @property
    def system(self) -> str:
        """The row that the study ends with: the ensemble where it is deployed, else fused, or the only modality."""
        return ENSEMBLE if self.deploys_ensemble else self.pair

    @property
    def deploys_ensemble(self) -> bool:
        """Whether several trials of each modality decide."""
        return self.ensemble is not None and self.ensemble.deployed

    @property
    def pair(self) -> str:
        """The row of the selected models, one of each modality: fused, or the only modality."""
        return FUSED if self.fusion else next(iter(self.models))

    @property
    def shown_rows(self) -> tuple[str, ...]:
        """The rows that are looked at closely: each selected model, their fusion, the ensemble where it is deployed."""
        fused = (FUSED,) if self.fusion else ()
        return (*self.models, *fused, *((ENSEMBLE,) if self.deploys_ensemble else ()))

    @property
    def best_single(self) -> str:
        """The modality of the best single model on val; of equals the first in the registry's order."""
        return max(self.models, key=lambda modality: self.val[modality].scores.accuracy)

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


def times(count: int) -> str:
    """`once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def to_json(value: Any) -> bytes:
    """A record, or a tuple of records, as UTF-8 JSON with sorted keys; the same value gives the same bytes.

    Half characters of undecodable file names are written as JSON escapes, which read back as what they were.
    """
    raw = [_plain(one) for one in value] if isinstance(value, tuple) else _plain(value)
    text = json.dumps(raw, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
    return (text + "\n").encode("utf-8", "backslashreplace")


def selection_from_json(raw: Mapping[str, Any]) -> Selection:
    """The value of parsed JSON.

    Raises KeyError, TypeError or ValueError where it is none, UserError where a modality isn't registered.
    """
    modalities = ordered(raw["models"])
    linear = [modality for modality in modalities if linear_row(modality) in raw["val"]]
    frozen = raw.get("frozen", {})
    return Selection(
        **{
            **raw,
            "classes": tuple(raw["classes"]),
            "models": {modality: SelectedModel(**raw["models"][modality]) for modality in modalities},
            "fusion": _fusion_from_json(raw["fusion"], modalities),
            "linear_fusion": _fusion_from_json(raw["linear_fusion"], linear),
            "val": _row_scores(raw["val"]),
            "frozen": {modality: SelectedModel(**frozen[modality]) for modality in ordered(frozen)},
            "frozen_fusion": _fusion_from_json(raw.get("frozen_fusion"), ordered(frozen)),
            "ensemble": _ensemble_from_json(raw.get("ensemble")),
        }
    )


def example_from_json(raw: Mapping[str, Any]) -> Example:
    """The value of parsed JSON. Raises KeyError or TypeError where it is none."""
    return Example(raw["id"], {modality: shown for modality, shown in raw.items() if modality != "id"})


def final_test_from_json(raw: Mapping[str, Any]) -> FinalTest:
    """The value of parsed JSON. Raises KeyError or TypeError where it is none."""
    return FinalTest(**{**raw, "test": _row_scores(raw["test"]), "changes": tuple(raw.get("changes", ()))})


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
    together = ", ".join(ensemble.members)
    gain = f"{100 * ensemble.gain:+.1f} points over the pair on val, cross-fitted (standard error "
    gain += f"{100 * ensemble.standard_error:.1f})"
    if ensemble.deployed:
        return f"Selected the ensemble of {together}: {gain}"
    return f"An ensemble of {together} isn't deployed: {gain}"


# Keys that say nothing where they are empty.
_SINCE = ("test_digest", "changes", "overlap", "frozen", "frozen_fusion", "ensemble")


def _plain(record: Any) -> dict[str, Any]:
    if isinstance(record, Example):
        return {"id": record.id, **record.inputs}
    split = VAL if isinstance(record, Selection) else TEST
    raw = dataclasses.asdict(dataclasses.replace(record, **{split: {}}))
    raw[split] = {row: {**vars(one), "scores": one.scores.as_json()} for row, one in getattr(record, split).items()}
    raw = {key: value for key, value in raw.items() if value or key not in _SINCE}
    if isinstance(record, Selection):
        fusions = {"fusion": record.fusion, "linear_fusion": record.linear_fusion}
        if record.frozen_fusion is not None:
            fusions["frozen_fusion"] = record.frozen_fusion
        raw |= {key: fusion and dataclasses.asdict(fusion.best_alpha or fusion) for key, fusion in fusions.items()}
    return raw


def _fusion_from_json(raw: Mapping[str, Any] | None, modalities: Sequence[str]) -> Mixture | None:
    if raw is None:
        return None
    if "alpha" in raw:
        first, second = modalities
        return Mixture.of_alpha(BestAlpha(**raw), first, second)
    return Mixture(**{**raw, "weights": {modality: raw["weights"][modality] for modality in modalities}})


def _ensemble_from_json(raw: Mapping[str, Any] | None) -> EnsembleResult | None:
    if raw is None:
        return None
    members = {name: SelectedModel(**one) for name, one in raw["members"].items()}
    # Files sort their keys; members are in the registry's order of modalities.
    order = ordered({one.modality for one in members.values()})
    names = sorted(members, key=lambda name: (order.index(members[name].modality), name))
    weights = {name: float(raw["weights"][name]) for name in names}
    return EnsembleResult(**{**raw, "members": {name: members[name] for name in names}, "weights": weights})


def _row_scores(raw: Mapping[str, Any]) -> dict[str, RowScores]:
    return {row: RowScores(Scores.from_json(one["scores"]), one["seconds_per_sample"]) for row, one in raw.items()}
