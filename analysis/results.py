"""What the analysis leaves behind as records: the selection and the one final test, and how they become JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.numbers.fusion import BestAlpha
from analysis.numbers.metrics import Scores
from trainables.names import FUSED, IMAGE, TEST, TEXT, VAL

# Rows beside image, text and fused.
MAJORITY = "majority"  # always says the most frequent class of the training data
LINEAR_IMAGE = "linear_image"  # logistic regression on the frozen image features
LINEAR_TEXT = "linear_text"  # logistic regression on character n-grams
LINEAR_FUSED = "linear_fused"  # both, with their own best alpha
LINEAR_ROWS = {IMAGE: LINEAR_IMAGE, TEXT: LINEAR_TEXT, FUSED: LINEAR_FUSED}


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
class Evaluation:
    """What one row of the results table scored on one split."""

    scores: Scores
    seconds_per_sample: float | None  # of inference, data preparation not counted; None where nothing is computed


@dataclass(frozen=True)
class Selection:
    """What was chosen on val, before the test: frozen as `selection.json` and known by its digest."""

    study: str
    created: str  # ISO 8601, UTC
    classes: tuple[str, ...]
    majority_class: int  # of the training data, index into classes
    models: Mapping[str, SelectedModel]  # by modality: one or both
    fusion: BestAlpha | None  # None in a study of one modality
    linear_fusion: BestAlpha | None  # of the linear baseline
    val: Mapping[str, Evaluation]  # by row: image, text, fused, majority, linear_...
    versions: Mapping[str, str]  # package -> version, of what made it

    @property
    def system(self) -> str:
        """The row that the study ends with: fused, or the only modality."""
        return FUSED if self.fusion else next(iter(self.models))

    @property
    def best_single(self) -> str:
        """The modality of the better single model on val; of equals the image."""
        return max(self.models, key=lambda modality: self.val[modality].scores.accuracy)

    def metrics(self) -> dict[str, float]:
        """The val scores of every row, and alpha, by name: `val_fused_accuracy`, `val_fused_macro_f1`, ..., `alpha`."""
        return {**_metrics(VAL, self.val), **({"alpha": self.fusion.alpha} if self.fusion else {})}

    def summary(self) -> str:
        """What was selected, in a line each for a terminal."""
        lines = [
            f"Selected {model.trial_id}: val accuracy {model.val_accuracy:.1%} in epoch {model.best_epoch}"
            for model in self.models.values()
        ]
        if self.fusion:
            lines.append(f"Selected alpha {self.fusion.alpha:.4f}: val accuracy {self.fusion.accuracy:.1%} fused")
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
    test: Mapping[str, Evaluation]  # by row, as in Selection.val

    def metrics(self) -> dict[str, float]:
        """The test scores of every row by name: `test_fused_accuracy`, `test_fused_macro_f1`, ..."""
        return _metrics(TEST, self.test)

    def summary(self) -> str:
        """What every row scored, in a line each for a terminal."""
        rows = (f"  {row}: {one.scores.accuracy:.1%}" for row, one in self.test.items())
        return "\n".join([f"Test accuracy on {self.samples:,} samples, evaluated once:", *rows])


@dataclass(frozen=True)
class Example:
    """What a person sees of one sample."""

    id: str
    text: str
    image: str | None  # absolute path of the picture, where there is one


def to_json(value: Any) -> bytes:
    """A record, or a tuple of records, as UTF-8 JSON with sorted keys; the same value gives the same bytes.

    Half characters of undecodable file names are written as JSON escapes, which read back as what they were.
    """
    raw = [dataclasses.asdict(one) for one in value] if isinstance(value, tuple) else dataclasses.asdict(value)
    text = json.dumps(raw, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
    return (text + "\n").encode("utf-8", "backslashreplace")


def selection_from_json(raw: Mapping[str, Any]) -> Selection:
    """The value of parsed JSON; KeyError or TypeError where it is none."""
    return Selection(
        **{
            **raw,
            "classes": tuple(raw["classes"]),
            "models": {modality: SelectedModel(**model) for modality, model in raw["models"].items()},
            "fusion": _best_alpha(raw["fusion"]),
            "linear_fusion": _best_alpha(raw["linear_fusion"]),
            "val": _evaluations(raw["val"]),
        }
    )


def final_test_from_json(raw: Mapping[str, Any]) -> FinalTest:
    """The value of parsed JSON; KeyError or TypeError where it is none."""
    return FinalTest(**{**raw, "test": _evaluations(raw["test"])})


def _metrics(split: str, rows: Mapping[str, Evaluation]) -> dict[str, float]:
    named = {f"{split}_{row}_accuracy": one.scores.accuracy for row, one in rows.items()}
    named.update({f"{split}_{row}_macro_f1": one.scores.macro_f1 for row, one in rows.items()})
    return named


def _best_alpha(raw: Mapping[str, float] | None) -> BestAlpha | None:
    return None if raw is None else BestAlpha(**raw)


def _evaluations(raw: Mapping[str, Any]) -> dict[str, Evaluation]:
    return {row: Evaluation(Scores.from_json(one["scores"]), one["seconds_per_sample"]) for row, one in raw.items()}
