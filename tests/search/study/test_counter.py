"""Whether the number at a text's end is read, where a study's config leaves it open."""

from __future__ import annotations

from pathlib import Path

import pytest
from search_fakes import study

from search.study.counter import as_begun, left_open, without_counter

SPACE = {"cleaning": {"type": "choice", "choices": ["raw", "words"]}}


@pytest.mark.parametrize(
    ("text", "modalities", "is_open"),
    [
        ({}, ["text"], True),
        ({"max_length": 32}, ["image", "text"], True),
        ({"cleaning": "raw"}, ["text"], False),
        ({"search": {"space": SPACE}}, ["text"], False),
        ({}, ["image"], False),
    ],
)
def test_open_is_what_nobody_wrote(
    tmp_path: Path, text: dict[str, object], modalities: list[str], is_open: bool
) -> None:
    """Neither the section's own value nor a dimension; written out as the default it isn't open either."""
    assert left_open(study(tmp_path, text=text, modalities=modalities)) == (["text"] if is_open else [])


def test_a_study_goes_on_with_what_it_began_with(tmp_path: Path) -> None:
    """Whatever the default is by then; what is written is what is compared with the record."""
    before = {"text": {"cleaning": "words"}}
    config = study(tmp_path, modalities=["text"])
    assert as_begun(config, before) == without_counter(config)
    assert without_counter(config).text.cleaning == "words"
    assert as_begun(config, {}) == config
    written = study(tmp_path, modalities=["text"], text={"cleaning": "raw"})
    assert as_begun(written, before) == written
