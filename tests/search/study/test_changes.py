"""What may change between two sessions of a study."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.study.changes import changes, check_data, flat, is_free, may_grow, merged
from search.study.config import StudyConfig
from trainables.errors import UserError

CONFIG: dict[str, Any] = {
    "name": "demo",
    "seed": 0,
    "description": "",
    "time_budget": None,
    "data": {"train": "/a", "val": "/b", "pixel_limit": 5},
    "cluster": {"address": None},
    "image": {
        "learning_rate": 1e-3,
        "head_widths": [512, 256],
        "search": {"trials": 20, "target": None, "space": {}, "resources": {"cpus": "auto"}},
    },
}
KEYS = st.text("ab.", min_size=1, max_size=3)
CONFIGS = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def changed(path: str, value: Any) -> dict[str, Any]:
    """The config with one value changed."""
    config = copy.deepcopy(CONFIG)
    *above, last = path.split(".")
    node = config
    for key in above:
        node = node[key]
    node[last] = value
    return config


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(["image", "text", "seed", "runs"]), CONFIGS, max_size=4))
def test_an_unchanged_config_stays(config: dict[str, Any]) -> None:
    """Merged with itself a config is itself, and nothing has changed."""
    assert merged("demo", config, config) == config
    assert changes(config, copy.deepcopy(config)) == {}


@given(st.integers(1, 99), st.integers(1, 99))
def test_trials_only_grow(before: int, after: int) -> None:
    """A study never has fewer trials than it was begun or extended with."""
    old, new = changed("image.search.trials", before), changed("image.search.trials", after)
    assert merged("demo", old, new)["image"]["search"]["trials"] == max(before, after)
    assert new["image"]["search"]["trials"] == after


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("description", "more"),
        ("time_budget", "2h"),
        ("data.train", "/elsewhere"),
        ("cluster.address", "auto"),
        ("image.search.target", 0.9),
        ("image.search.resources.cpus", 4),
    ],
)
def test_what_no_trial_learns_from_is_free(path: str, value: Any) -> None:
    """The study goes on with the new value."""
    assert merged("demo", CONFIG, changed(path, value)) == changed(path, value)


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("seed", 1, "  seed: 0 -> 1"),
        ("data.pixel_limit", 6, "  data.pixel_limit: 5 -> 6"),
        ("image.learning_rate", 1e-2, "  image.learning_rate: 0.001 -> 0.01"),
        ("image.head_widths", [8], "  image.head_widths: [512, 256] -> [8]"),
        ("image.search.space", {"size": {"low": 1}}, "  image.search.space.size.low: null -> 1"),
    ],
)
def test_what_trials_are_compared_by_is_fixed(path: str, value: Any, line: str) -> None:
    """The message has each change, the old value and the new one, and what to do; long values are cut."""
    with pytest.raises(UserError) as error:
        merged("demo", CONFIG, {**changed(path, value), "name": "y" * 100})
    lines = str(error.value).splitlines()
    assert line in lines
    assert '  name: "demo" -> "' + "y" * 56 + "..." in lines
    assert "--set name=" in lines[-1]
    assert "--warm-start demo" in lines[-1]


def test_free_keys_exist() -> None:
    """Every key of a study is fixed, free or growing; each free pattern names keys that there are."""
    defaults = StudyConfig.model_validate({"name": "demo", "data": {"train": "/a", "val": "/b"}})
    keys = list(flat(defaults.model_dump(mode="json")))
    free = set(filter(is_free, keys))
    assert {"time_budget", "runs", "tracking.uri", "failures.retries", "cluster.mps", "text.compile"} <= free
    assert {"image.search.resources.gpus", "text.search.concurrency"} <= free
    assert {"data.columns", "data.image_root", "data.allow_links", "data.labels.merge"} <= free
    assert is_free("data.columns.text")
    assert is_free("data.labels.merge.caf.\u00e9")
    assert set(filter(may_grow, keys)) == {"image.search.trials", "text.search.trials"}
    for fixed in ("name", "seed", "modalities", "image.head_learning_rate", "image.search.method", "text.max_epochs"):
        assert fixed in keys
        assert fixed not in free


def test_other_data_are_refused() -> None:
    """A changed digest or class is named; a split that one of both sessions doesn't look at isn't compared."""
    before = {"train": {"samples": 4, "digest": "a", "classes": ["Blue"]}}
    check_data("demo", before, {**before, "test": {"samples": 1, "digest": "c", "classes": ["Blue"]}})
    with pytest.raises(UserError, match="has changed since 'demo' began") as error:
        check_data("demo", before, {"train": {"samples": 5, "digest": "b", "classes": ["Blue"]}})
    assert str(error.value).splitlines()[1:3] == ['  train.digest: "a" -> "b"', "  train.samples: 4 -> 5"]
