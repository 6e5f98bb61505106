"""The rows of the results table: their names in files, and their order, which is the registry's."""

from __future__ import annotations

from collections.abc import Collection

from trainables.modalities import in_order, needed
from trainables.names import ENSEMBLE, FUSED, RICHER

MAJORITY = "majority"  # always says the most frequent class of the training data
LINEAR = "linear_"  # how the linear baseline's rows begin
FROZEN = "frozen_"  # how the rows of the best heads on frozen features begin
# What is compared with what, on the same samples.
SINGLE = "single"  # the fusion with the best single model
FROZEN_SYSTEM = "frozen"  # what the study ends with, with the heads on frozen features
LINEAR_SYSTEM = "linear"  # ... with the linear baseline


def linear_row(row: str) -> str:
    """The linear baseline's row beside a modality's, or beside the fusion's: `linear_fused`."""
    return f"{LINEAR}{row}"


def frozen_row(row: str) -> str:
    """The row of the best head on frozen features beside a modality's, or of these heads' fusion: `frozen_fused`."""
    return f"{FROZEN}{row}"


def row_order(modalities: Collection[str]) -> tuple[str, ...]:
    """Every row that a study of these modalities may have, in the order of the table; `modalities` are in order."""
    models = (*modalities, FUSED)
    return (
        *models,
        *RICHER,
        ENSEMBLE,
        *(frozen_row(row) for row in models),
        *(linear_row(row) for row in models),
        MAJORITY,
    )


def ordered(modalities: Collection[str]) -> list[str]:
    """Modalities in the registry's order. Raises UserError where one isn't registered."""
    needed(modalities)
    return in_order(modalities)
