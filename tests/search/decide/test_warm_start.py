"""Another study's trials, for a sampler to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ledger_fakes import Told
from search_fakes import study

from search.decide.warm_start import warm_trials
from search.methods.sampler import Sampler
from search.study.config import StudyConfig
from search.study.folder import Layout
from trainables.errors import UserError
from trainables.records import StopReason

SPACE = {
    "batch_size": {"type": "choice", "choices": [16, 32]},
    "head_widths": {"type": "choice", "choices": [[512, 256], [256, 128]]},
    "head_learning_rate": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True},
}


@pytest.fixture
def other(tmp_path: Path) -> Told:
    """A study named `before`, that was run."""
    made = Told(Layout(tmp_path / "runs", "before").folder)
    (Layout(tmp_path / "runs", "before").study_file).write_text("name: before\n")
    made.session()
    return made


def run(told: Told, trial_id: str, accuracies: Sequence[float], reason: str, **config: Any) -> None:
    """A whole trial with these hyperparameters."""
    told.begin(trial_id, **config)
    told.epochs(trial_id, accuracies)
    told.end(trial_id, reason)


def wanting(folder: Path, space: dict[str, Any] | None = None) -> StudyConfig:
    """The new study, of images."""
    return study(folder, image={"search": {"space": SPACE if space is None else space}}, modalities=["image"])


def learned(folder: Path, space: dict[str, Any] | None = None) -> dict[str, Any]:
    """What it learns, as the ledger keeps it."""
    return warm_trials("before", wanting(folder, space), folder / "runs")


def test_only_whole_trials_within_the_space_teach(tmp_path: Path, other: Told) -> None:
    """Completed and pruned ones whose values the new study could propose; the others are left out."""
    kind = {"head_learning_rate": 1e-3}
    run(other, "image_000", [0.2, 0.6, 0.5], "completed", **kind)
    run(other, "image_001", [0.1], "pruned", **kind, batch_size=16)
    run(other, "image_002", [0.1], "diverged", **kind)
    run(other, "image_003", [0.1], "interrupted", **kind)
    run(other, "image_004", [0.9], "completed", **kind, batch_size=64)
    run(other, "image_005", [0.9], "completed")  # a hyperparameter is unknown
    run(other, "image_006", [], "pruned", **kind)
    run(other, "text_000", [0.9], "completed", **kind)
    found = learned(tmp_path)
    assert (found["from"], found["uid"]) == ("garbage", "u1")
    assert [one["trial_id"] for one in found["trials"]["image"]] == ["image_000", "image_001"]
    taught = found["trials"]["image"][0]
    assert taught["values"] == {"batch_size": 32, "head_widths": (512, 256), "head_learning_rate": 1e-3}
    assert taught["accuracies"] == {"1": 0.2, "2": 0.6, "3": 0.5}
    assert taught["best"]["epoch"] == 2


def test_inactive_keys_needn_t_fit(tmp_path: Path, other: Told) -> None:
    """What a trial has for a key that isn't searched in it says nothing; a sampler takes what is taught."""
    rates = {"type": "float", "low": 1e-4, "high": 1e-2, "when": {"batch_size": [16]}}
    space = {**SPACE, "head_learning_rate": rates}
    run(other, "image_000", [0.6], "completed", head_learning_rate=0.5, batch_size=32)
    run(other, "image_001", [0.6], "completed", head_learning_rate=0.5, batch_size=16)
    (taught,) = learned(tmp_path, space)["trials"]["image"]
    assert taught["values"] == {"batch_size": 32, "head_widths": (512, 256)}
    searched = wanting(tmp_path, space).image.search.space
    sampler = Sampler(searched, method="tpe", seed=1, startup_trials=2, parallel=False)
    assert sampler.add(taught["values"], {1: 0.6}, StopReason(taught["stop_reason"]), [0.6])


def test_nothing_to_learn_is_a_mistake(tmp_path: Path, other: Told) -> None:
    """The study isn't there, or has no such trial, or nothing is searched: one message."""
    run(other, "image_000", [0.6], "failed")
    for space in (SPACE, {}):
        with pytest.raises(UserError, match="'before' has no completed or pruned trial") as error:
            learned(tmp_path, space)
        assert "leave --warm-start out" in str(error.value)
    with pytest.raises(UserError, match="There is before under"):
        warm_trials("nobody", wanting(tmp_path), tmp_path / "runs")
