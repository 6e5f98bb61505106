"""Conditions between dimensions: which keys a trial searches, and what follows for corners, points and faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sampler_fakes import CONDITIONAL
from study_fakes import Load, faults, image, space

from search.space.conditions import activating, active, condition_faults, in_space, search_order
from search.space.dimensions import Choice, FloatRange, describe

OWN = {"heat": 9.0, "momentum": 0.0, "schedule": "flat", "widths": (8,), "kind": "adam", "rate": 1e-3, "decay": 0.1}


def test_parents_come_first() -> None:
    """Else the keys stay in their order; a space without conditions as it is."""
    assert search_order(CONDITIONAL) == ["widths", "kind", "rate", "decay", "momentum", "schedule", "heat"]
    assert search_order({key: CONDITIONAL[key] for key in ("rate", "kind")}) == ["rate", "kind"]


@pytest.mark.parametrize(
    ("values", "conditional"),
    [
        ({"kind": "lion"}, set()),
        ({"kind": "adam"}, {"schedule"}),
        ({"kind": "sgd"}, {"momentum", "schedule"}),
        ({"kind": "adam", "schedule": "cosine"}, {"schedule", "heat"}),
        ({"kind": "adam", "schedule": "cosine", "widths": [8]}, {"schedule", "heat"}),
        ({"kind": "adam", "schedule": "cosine", "widths": (4, 4)}, {"schedule"}),
        ({"kind": "lion", "schedule": "cosine"}, set()),  # its own value, as it isn't searched: it activates nothing
    ],
)
def test_active_keys(values: dict[str, Any], conditional: set[str]) -> None:
    """A key is active where all its parents are and have one of the values; a list stands for its tuple."""
    assert set(active(CONDITIONAL, OWN | values)) == {"widths", "kind", "rate", "decay"} | conditional


@pytest.mark.parametrize(
    ("changed", "inside"),
    [
        ({}, True),
        ({"kind": "lion"}, True),
        ({"kind": "lion", "schedule": "cosine"}, False),
        ({"kind": "sgd", "momentum": 0.9}, True),
        ({"kind": "sgd"}, False),  # active, and the own value lies outside
        ({"momentum": 0.9}, False),  # not active, and not the own value
        ({"schedule": "cosine", "heat": 0.5}, True),
        ({"schedule": "cosine", "heat": 0.5, "widths": (4, 4)}, False),
    ],
)
def test_in_the_space(changed: dict[str, Any], inside: bool) -> None:
    """Active keys lie in their dimensions, all others have the own values."""
    assert in_space(CONDITIONAL, OWN, OWN | changed) is inside


@given(st.data())
def test_what_activates_a_key_does(data: st.DataObject) -> None:
    """In any chain of choices the activating values make the key active."""
    keys = [f"k{place}" for place in range(data.draw(st.integers(1, 6)))]
    made: dict[str, Any] = {}
    for place, key in enumerate(keys):
        parent = data.draw(st.none() | st.sampled_from(keys[:place])) if place else None
        when = {parent: tuple(data.draw(st.sets(st.sampled_from("abc"), min_size=1)))} if parent else {}
        made[key] = Choice(choices=("a", "b", "c"), when=when)
    assert list(condition_faults(made)) == []
    for key in keys:
        low = dict.fromkeys(keys, "a")
        assert key in active(made, low | activating(made, key))


def test_conditions_in_words() -> None:
    """A person reads when a dimension is searched."""
    words = dict(describe(CONDITIONAL))
    assert words["momentum"] == '0.5 to 0.99, where kind is "sgd"'
    assert words["heat"] == '0 to 1, where schedule is "cosine" and widths is [8]'
    assert words["schedule"] == '"flat" | "cosine", where kind is "sgd" | "adam"'


def test_circles_are_found() -> None:
    """Each member of a circle is a fault, and none of them is ever active; who hangs on it isn't a fault."""
    one, other = (Choice(choices=("a",), when={parent: ("a",)}) for parent in ("two", "one"))
    made = {"one": one, "two": other, "third": FloatRange(low=0, high=1, when={"one": ("a",)})}
    assert [(key, parent) for key, parent, _ in condition_faults(made)] == [("one", "two"), ("two", "one")]
    assert active(made, {"one": "a", "two": "a", "third": 0.5}) == []


PLATEAU = "plateau_factor: {type: float, low: 0.2, high: 0.6, when: "
SCHEDULE = "schedule: {type: choice, choices: [plateau, cosine]}, "


@pytest.mark.parametrize(
    ("dimensions", "line"),
    [
        (
            f"{SCHEDULE}{PLATEAU}{{shedule: [plateau]}}}}",
            "image.search.space.plateau_factor.when.shedule: `when` must name a choice of this space "
            "(it has schedule), but `shedule` is not searched.",
        ),
        (
            f"label_smoothing: {{type: float, low: 0, high: 0.1}}, {PLATEAU}{{label_smoothing: [0.1]}}}}",
            "`when` must name a choice of this space (it has none), but `label_smoothing` is a range of float.",
        ),
        (
            f"{SCHEDULE}{PLATEAU}{{schedule: [one_cycle]}}}}",
            '`when` must list choices of `schedule` ("plateau" | "cosine"), but got "one_cycle". '
            "Add it to the choices of `schedule`, or take it out.",
        ),
        (f"{SCHEDULE}{PLATEAU}{{schedule: []}}}}", "image.search.space.plateau_factor.when.schedule: "),
        (f"{SCHEDULE}{PLATEAU}{{schedule: plateau}}}}", "image.search.space.plateau_factor.when.schedule: must be"),
        (f"{SCHEDULE}{PLATEAU}3}}", "image.search.space.plateau_factor.when: must be"),
        (
            "fit: {type: choice, choices: [pad], when: {fit: [pad]}}",
            "a dimension can't depend on itself, but `fit` depends on itself. Take one of the conditions out.",
        ),
    ],
)
def test_each_mistake_is_named(load: Load, dimensions: str, line: str) -> None:
    """A condition's fault has its key, the rule, what was given and what to do."""
    lines = faults(load, space(dimensions))[1:]
    assert len(lines) == 1
    assert line in lines[0]


def test_a_corner_of_a_condition_is_checked(load: Load) -> None:
    """An end that only a condition reaches is a fault as any other."""
    lines = faults(
        load, space(f"{SCHEDULE}plateau_factor: {{type: float, low: 0.2, high: 3, when: {{schedule: [plateau]}}}}")
    )
    assert lines[1].startswith("image.search.space.plateau_factor: at 3.0: must be less than")


def test_the_own_value_counts_where_it_is_searched(load: Load) -> None:
    """A key that the first trial doesn't search may have an own value outside of its dimension."""
    dimensions = "space: {schedule: {type: choice, choices: [cosine, plateau]}, "
    dimensions += "plateau_factor: {type: float, low: 0.6, high: 0.9, when: {schedule: [plateau]}}}"
    points = "points: [{}, {schedule: plateau, plateau_factor: 0.7}, {plateau_factor: 0.7}, {schedule: plateau}]"
    study = load(f"image: {{schedule: cosine, search: {{{dimensions}, {points}}}}}\n")
    assert [point.in_space for point in study.first_points("image")] == [True, True, True, False, False]
    (_, line) = faults(load, image(dimensions))
    assert "the first trial runs with the section's own values, and `plateau_factor` is " in line


def test_local_models_of_conditions_are_absolute(load: Load, tmp_path: Path) -> None:
    """A condition on a backbone that lies here names the same one as the choices do."""
    (tmp_path / "bert").mkdir()
    space = "backbone: {type: choice, choices: [bert, hub/name]}, "
    space += "dropout: {type: float, low: 0, high: 0.5, when: {backbone: [bert]}}"
    study = load(f"text: {{backbone: bert, dropout: 0.1, search: {{space: {{{space}}}}}}}\n")
    assert study.text.search.space["dropout"].when == {"backbone": (str(tmp_path / "bert"),)}
