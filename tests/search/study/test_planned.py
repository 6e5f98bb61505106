"""How many trials a config asks for."""

from __future__ import annotations

from typing import Any

import pytest
from study_fakes import Load, image, space

from search.study.planned import planned_trials, trials_of


@pytest.mark.parametrize(
    ("search", "trials"),
    [
        ({}, 1),
        ({"trials": 20}, 1),
        ({"trials": 0, "points": [{"batch_size": 16}]}, 0),
        ({"trials": 20, "space": {}, "points": [{"batch_size": 16}]}, 2),
        ({"trials": 20, "space": {"batch_size": {}}, "points": [{"batch_size": 16}]}, 20),
    ],
)
def test_without_a_space_only_the_fixed_trials_run(search: dict[str, Any], trials: int) -> None:
    """The section's own values, and each point: twenty trials of one and the same configuration would teach nothing."""
    assert trials_of(search) == trials


def test_modalities_that_aren_t_searched_aren_t_counted() -> None:
    """Those that the study names, in its order; both where it is older than the key."""
    config: dict[str, Any] = {
        "image": {"search": {"points": [{}]}},
        "text": {"search": {"trials": 4, "space": {"a": 1}}},
    }
    assert planned_trials(config) == {"image": 2, "text": 4}
    assert planned_trials({**config, "modalities": ["text"]}) == {"text": 4}


@pytest.mark.parametrize(
    "more", ["", image("points: [{fit: crop}]"), space("fit: {type: choice, choices: [pad, crop]}")]
)
def test_a_section_counts_as_its_record_does(load: Load, more: str) -> None:
    """What a session plans and what a reader of its ledger sees is one number."""
    study = load(more)
    counts = {name: study.section(name).trial_count() for name in study.modalities}
    assert planned_trials(study.model_dump(mode="json")) == counts
