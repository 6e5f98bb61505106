"""Labels of train that are likely wrong, by heads that were fitted without the sample's fold.

Kept beside the selection. No model that a study ends with can tell: it learned these labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.examples import examples_of
from analysis.files import keep_json, kept_json
from analysis.numbers.label_errors import LikelyError, likely_errors
from analysis.numbers.logits import missing_rows
from analysis.numbers.metrics import softmax
from analysis.numbers.mixture import mix
from analysis.results import Example, Selection
from trainables.names import ANALYSIS_FOLDER

if TYPE_CHECKING:
    from trainables.data.samples import Split

FILE = "train_doubts.json"
MOST = 12  # that are kept, the likeliest

KeptLogits = Callable[[Path], "NDArray[np.float32] | None"]


@dataclass(frozen=True)
class TrainDoubts:
    """What the best heads on frozen features doubt of train."""

    checked: int  # labels that were looked at
    doubted: int
    kept: tuple[tuple[LikelyError, Example], ...]  # the likeliest first, `MOST` at most


def train_doubts(
    study_folder: Path, selection: Selection, train: Split, train_logits: KeptLogits
) -> TrainDoubts | None:
    """From the heads' logits of train, fused as on val; None where no head kept them, or the split is another one."""
    found = {name: train_logits(study_folder / one.checkpoint) for name, one in selection.frozen.items()}
    kept = {name: one.astype(np.float64) for name, one in found.items() if one is not None}
    if not kept or any(one.shape != (len(train.ids), len(train.classes)) for one in kept.values()):
        return None
    logits = _together(kept, selection)
    errors = likely_errors(softmax(logits), train.labels)
    examples = examples_of(train)
    checked = int((~missing_rows(logits)).sum())
    return TrainDoubts(checked, len(errors), tuple((one, examples[one.row]) for one in errors[:MOST]))


def _together(logits: dict[str, NDArray[np.float64]], selection: Selection) -> NDArray[np.float64]:
    """(N, C) fused where all heads kept theirs, else the first one's; NaN where a sample has nothing for them."""
    fusion = selection.frozen_fusion
    if fusion is None or set(fusion.weights) != set(logits):
        return next(iter(logits.values()))
    there = ~np.all([missing_rows(one) for one in logits.values()], axis=0)
    found = np.full(next(iter(logits.values())).shape, np.nan)
    if there.any():
        found[there] = mix({name: logits[name][there] for name in fusion.weights}, fusion.weights)
    return found


def write_train_doubts(study_folder: Path, found: TrainDoubts | None) -> None:
    """Keep it in the analysis' folder; where there is none, nothing of an earlier one stays."""
    keep_json(study_folder / ANALYSIS_FOLDER / FILE, found)


def read_train_doubts(study_folder: Path) -> TrainDoubts | None:
    """What was kept; None where nothing was, or an earlier version kept it otherwise."""

    def made(raw: Any) -> TrainDoubts:
        kept = tuple((LikelyError(**error), Example(**example)) for error, example in raw["kept"])
        return TrainDoubts(raw["checked"], raw["doubted"], kept)

    return kept_json(study_folder / ANALYSIS_FOLDER / FILE, made)
