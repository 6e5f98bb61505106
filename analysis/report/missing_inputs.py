"""What the report says of samples that lack a modality."""

from __future__ import annotations

from collections.abc import Mapping

from analysis import wording
from analysis.numbers.logits import missing_rows
from analysis.results import Selection
from trainables.records import Predictions


def missing_note(selection: Selection, predictions: Mapping[str, Predictions], split: str) -> str:
    """How many samples lack which modality, and how they count; empty where none lacks one."""
    missing = {name: int(missing_rows(one.logits).sum()) for name, one in predictions.items()}
    lacking = [f"{wording.count(number)} have no {name}" for name, number in missing.items() if number]
    if not lacking:
        return ""
    samples = wording.count(len(next(iter(predictions.values())).ids), f"{split} sample")
    majority = selection.classes[selection.majority_class]
    fused = " The fusion uses what they have." if selection.fusion is not None else ""
    return (
        f"Of {samples} {wording.listed(lacking)}. In the row of that model alone they count with the most frequent "
        f"class, “{majority}”.{fused}"
    )
