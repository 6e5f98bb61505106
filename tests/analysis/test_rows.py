"""The rows of the results table, and their order."""

from __future__ import annotations

import pytest
from modality_names import IMAGE, TEXT

from analysis.rows import frozen_row, linear_row, ordered, row_order
from trainables.errors import UserError


def test_rows_stand_in_the_order_of_the_table() -> None:
    """The modalities, their fusion, the heads and the linear baseline likewise, the majority class last."""
    assert row_order([IMAGE, TEXT]) == (
        "image", "text", "fused", "per_class", "stacking", "ensemble", "frozen_image", "frozen_text", "frozen_fused",
        "linear_image", "linear_text", "linear_fused", "majority",
    )  # fmt: skip
    assert (frozen_row("numbers"), linear_row("numbers")) == ("frozen_numbers", "linear_numbers")


def test_modalities_stand_in_the_registrys_order(numbers: str) -> None:
    """The built-in ones first, then those of packages; one that isn't installed is a user error."""
    assert ordered({numbers, TEXT, IMAGE}) == [IMAGE, TEXT, numbers]
    with pytest.raises(UserError, match="but got 'smell'"):
        ordered([IMAGE, "smell"])
