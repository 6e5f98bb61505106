"""Which hyperparameters mattered, as the search measured it, and of how many trials."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from trainables.names import ANALYSIS_FOLDER, IMPORTANCES_FILE

FEW = 50  # trials; of fewer an importance may be chance


@dataclass(frozen=True)
class Importance:
    """Of one modality's hyperparameters."""

    modality: str
    trials: int
    shares: tuple[tuple[str, float], ...]  # the most important first, 1 in sum

    @property
    def sentence(self) -> str:
        """What it rests on."""
        few = ": few, so that the order may be chance" if self.trials < FEW else ""
        return f"From {self.trials} complete trials{few}."


def read_importances(study_folder: Path, modalities: Collection[str]) -> tuple[Importance, ...]:
    """What is kept; nothing where it isn't there or was damaged: the report goes without."""
    try:
        raw = json.loads((study_folder / ANALYSIS_FOLDER / IMPORTANCES_FILE).read_text("utf-8"))
        found = []
        for modality in modalities:
            if own := raw.get(modality):
                shares = sorted(((str(name), float(share)) for name, share in own["shares"].items()), key=_order)
                found.append(Importance(modality, int(own["trials"]), tuple(shares)))
        return tuple(found)
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return ()


def _order(pair: tuple[str, float]) -> tuple[float, str]:
    return -pair[1], pair[0]
