"""What every modality answers, and the values that trials may have."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from modality_names import IMAGE, MODALITIES, TEXT

from trainables.checkpoint import Checkpoint
from trainables.config import NOT_SEARCHED
from trainables.errors import UserError
from trainables.modalities import modality_of
from trainables.modality import Modality, Plan, SearchedValues, combined, distinct

VALUES = SearchedValues(
    own={"backbone": "a", "size": 32},
    space={"backbone": ["a", "b"], "size": [32, 64]},
    points=[{"backbone": "a", "size": 32}, {"backbone": "c", "size": 48}],
)


def test_every_value_of_a_key() -> None:
    """Those of the space, then those of the points, each once."""
    assert VALUES.every("backbone") == ["a", "b", "c"]
    assert VALUES.every("size") == [32, 64, 48]


def test_combinations_are_whole_trials() -> None:
    """Each pair once; what isn't combined is the section's own, or as it was changed."""
    assert combined(VALUES, ("backbone",), size=128) == [
        {"backbone": "a", "size": 128},
        {"backbone": "b", "size": 128},
    ]
    assert len(combined(VALUES, ("backbone", "size"))) == 4
    assert combined(VALUES, ()) == [VALUES.own]


def test_trials_alike_are_one() -> None:
    """In the keys that count, mappings among their values too; the first is kept."""
    trials = [{"sizes": {"dim": 1}, "n": 1}, {"sizes": {"dim": 1}, "n": 2}, {"sizes": {"dim": 2}, "n": 3}]
    assert [trial["n"] for trial in distinct(trials, ("sizes",))] == [1, 3]


@pytest.mark.parametrize("name", MODALITIES)
def test_what_a_modality_names_are_hyperparameters_of_its_own(name: str) -> None:
    """A misspelt key would be searched, fixed or tried in silence."""
    modality = modality_of(name)
    known = set(modality.config_type.model_fields)
    named = {*modality.not_searched, *modality.free_on_resume, *modality.network, *modality.demanding}
    assert named | set(modality.local_paths) <= known
    assert set(NOT_SEARCHED) <= known
    assert not set(modality.not_searched) & set(NOT_SEARCHED)


def test_items_of_a_file() -> None:
    """A picture's file is the picture, and its name without the ending the text."""
    path = Path("/data/old_bottle_3.jpg")
    assert modality_of(IMAGE).from_file(path) == path
    assert modality_of(TEXT).from_file(path) == "old_bottle_3"


@pytest.mark.parametrize("name", MODALITIES)
def test_items_survive_json(name: str) -> None:
    """What a study keeps of an item comes back as the item."""
    item = {IMAGE: Path("/data/a.jpg"), TEXT: "old can"}[name]
    modality = modality_of(name)
    assert modality.from_json(modality.to_json(item)) == item
    assert modality.shown(item) == str(item)


def test_a_modality_that_says_nothing_of_bundles_is_refused(tmp_path: Path) -> None:
    """By name, before anything of its model is read: its code isn't in a bundle."""

    class Weighed(Modality):
        name: ClassVar[str] = "weighed"

    with pytest.raises(UserError, match="modality 'weighed' doesn't say how"):
        Weighed().portable(tmp_path, Checkpoint({}, {}, None))


def test_a_plan_of_nothing() -> None:
    """Most modalities prepare nothing: no bytes, no lines."""
    assert Plan() == Plan(0, ())
