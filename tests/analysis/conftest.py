"""A third modality where a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from analysis_fakes import NUMBERS

from trainables.modalities import registered

PACKAGE = Path(__file__).parents[1] / "fakes" / "numbers_modality"


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The modality of a package that is installed for this test: its metadata is on the path."""
    monkeypatch.syspath_prepend(str(PACKAGE))
    registered.cache_clear()
    yield NUMBERS
    registered.cache_clear()
