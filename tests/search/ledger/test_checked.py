"""What a line of the ledger may hold: types, times, names of folders, the shape of a config."""

from __future__ import annotations

from typing import Any

import pytest

from search.ledger.checked import (
    check_config,
    check_depth,
    check_fields,
    check_finite,
    check_inside,
    check_name,
    check_texts,
    check_time,
    check_trial,
)
from search.ledger.events import AttemptBegan, EpochEnded, Noted, SessionBegan, TrialEnded
from trainables.records import StopReason

NAN = float("nan")


@pytest.mark.parametrize("at", [1e300, -1, NAN, float("inf"), "1", None, True, 10**400])
def test_a_time_is_one_that_a_calendar_has(at: object) -> None:
    """Else every place that shows it would fail."""
    check_time(1_760_000_000.5)
    with pytest.raises(ValueError, match="a time must be in seconds since 1970"):
        check_time(at)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (Noted(3), "text must be a text, but got 3"),
        (SessionBegan("here", "7"), "pid must be a whole number, but got '7'"),
        (SessionBegan("here", True), "pid must be a whole number, but got True"),
        (SessionBegan("here", 10**5000), "pid must be below 2.63, but got a huge number"),
        (SessionBegan("here", 7, nodes={}), "nodes must be a list, but got {}"),
        (AttemptBegan("2", 0), "cpus must be a number, but got '2'"),
        (TrialEnded(StopReason.LOST, digests=[]), "digests must be a mapping, but got "),
        (TrialEnded(StopReason.LOST, error=1), "error must be a text or null, but got 1"),
        (TrialEnded("tired"), "stop_reason must be a word, but got 'tired'"),
        (EpochEnded({}), "result must be "),
    ],
)
def test_fields_have_their_types(body: Any, message: str) -> None:
    """Each by its annotation; a whole number is a number, true is none."""
    with pytest.raises(ValueError, match=message):
        check_fields(body)


def test_sound_fields_pass() -> None:
    """What our own writer writes, tuples for lists among it."""
    for body in (Noted("a"), SessionBegan("here", 7, nodes=({},)), AttemptBegan(1, 0.5), TrialEnded(StopReason.OOM)):
        check_fields(body)


@pytest.mark.parametrize("number", [NAN, float("inf"), -1.0])
def test_what_is_counted_is_a_number(number: float) -> None:
    """Cores and GPUs are added up."""
    check_finite(cpus=0.0)
    with pytest.raises(ValueError, match="cpus must be a number from 0"):
        check_finite(cpus=number)


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "a\\b", "a\0", 3, None])
def test_names_are_names_of_folders(name: object) -> None:
    """Of the study's own folder."""
    check_name(trial_id="image_head_003")
    with pytest.raises(ValueError, match="trial_id must be a folder's name"):
        check_name(trial_id=name)


def test_paths_and_texts() -> None:
    """A path stays within the study, a mapping of texts has no other values."""
    check_inside(checkpoint=None)
    check_inside(checkpoint="image/image_003/best")
    with pytest.raises(ValueError, match="checkpoint must lie in the study's folder"):
        check_inside(checkpoint="image/../../etc")
    check_texts(versions={"torch": "2"})
    with pytest.raises(ValueError, match="versions must hold texts"):
        check_texts(versions={"torch": 2})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"modalities": "image"}, "modalities must be a list of names"),
        ({"modalities": ["../x"]}, "must be a folder's name"),
        ({"modalities": ["image"], "image": None}, "image must be a mapping, but got None"),
        ({"modalities": ["image"], "image": {"search": []}}, "search must be a mapping"),
        ({"modalities": ["image"], "image": {"search": {"trials": "7"}}}, "trials must be a whole number"),
        ({"modalities": ["image"], "image": {"search": {"points": 7}}}, "points must be a list"),
        ({"tracking": []}, "tracking must be a mapping or null"),
        ({"tracking": {"uri": 3}}, "uri must be a text or null"),
    ],
)
def test_a_config_has_a_config_s_shape(config: dict[str, Any], message: str) -> None:
    """Of any version: what is read of it is where it is looked for."""
    check_config({"name": "demo"})
    with pytest.raises(ValueError, match=message):
        check_config(config)


def test_a_trial_has_a_number_of_epochs() -> None:
    """Where it names one."""
    check_trial({"batch_size": 3})
    with pytest.raises(ValueError, match="max_epochs must be a whole number"):
        check_trial({"max_epochs": [4]})


def test_depth_is_bounded() -> None:
    """A program that goes through a value calls itself for each level."""
    value: Any = 1
    for _ in range(60):
        value = [value]
    check_depth(value)
    with pytest.raises(ValueError, match="nested at most 60 deep"):
        check_depth({"a": value})
