"""Which colour a row has."""

from __future__ import annotations

from modality_names import IMAGE, TEXT

from analysis.report.theme import DARK, FUSED_COLOURS, LIGHT, PALETTE, modality_colours


def test_a_modality_without_colours_gets_the_next_free_ones(numbers: str) -> None:
    """Those that no other one has, nor the fusion; modalities that have their own keep them."""
    colours = modality_colours()
    assert colours[IMAGE] == ("#0072b2", "#56b4e9")
    assert colours[numbers] == PALETTE[2]
    assert len({*colours.values(), FUSED_COLOURS}) == 4


def test_rows_are_drawn_in_their_colours() -> None:
    """Each ground has its own; what is no model is muted."""
    assert LIGHT.colour(TEXT) == "#c8590a"
    assert DARK.colour(TEXT) == "#f0a050"
    assert (LIGHT.colour("fused"), LIGHT.fused) == ("#00805f", "#00805f")
    assert DARK.colour("majority") == DARK.muted
