"""Looks and tries in processes of this machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from search_fakes import study

from search.machines.forks import ForkEndedError, Forks
from search.machines.shares import Node
from search.preflight.checks import Checks
from search.preflight.data import read_data
from search.preflight.here import forks_for, measured_by
from search.preflight.networks import Looking, Reading
from search.preflight.try_steps import measure
from trainables.errors import UserError


class Calls(Forks):
    """In this process, as soon as someone waits for it; or the process ends first."""

    def __init__(self, *, ends: bool = False) -> None:
        super().__init__([])
        self.ends = ends

    def begin(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[[], Any]:
        """As `Forks.begin`."""

        def wait() -> Any:
            if self.ends:
                raise ForkEndedError(-9)
            return function(*args, **kwargs)

        return wait


def test_forks_serve_where_trials_run_here(data: Path) -> None:
    """With what their modalities import; not beside another Ray, whose machines are what is to be looked at."""
    here = study(data)
    with forks_for(here) as forks:
        assert forks is not None
        assert {"trainables.probe", "trainables.image.learner", "trainables.text.head"} <= {*forks._modules}
    elsewhere = here.model_copy(update={"cluster": here.cluster.model_copy(update={"address": "10.0.0.1:6379"})})
    with forks_for(elsewhere) as forks:
        assert forks is None


def test_gpus_are_rays_to_hand_out() -> None:
    """Without them, or elsewhere, steps are tried by a worker of Ray."""
    assert measured_by(None, [Node(2, 0)]) is measure
    assert measured_by(Calls(), [Node(2, 0), Node(2, 1)]) is measure
    assert measured_by(Calls(), [Node(2, 0)]) is not measure


def test_what_a_fork_tries_is_what_a_trial_takes(data: Path) -> None:
    """Real steps of a small network, with the labels of what was tried."""
    tiny = study(data, image={"backbone": "mobilenet_v3_small", "weights": "none", "size": 32, "batch_size": 2})
    tried = measured_by(Calls(), [Node(2, 0)])(tiny, "image", read_data(tiny), cpus=1, gpu=False)()
    assert [probe.label for probe in tried] == ["the section's own values"]
    assert tried[0].result.train_steps_per_epoch == 2
    assert tried[0].result.step_seconds > 0


def test_a_process_that_ends_is_told(data: Path) -> None:
    """A look's and a try's are faults in words, told with the others."""
    config, ended = study(data), Calls(ends=True)
    with pytest.raises(UserError, match=r"image's process ended \(code -9\), most likely for want of memory"):
        measured_by(ended, [Node(2, 0)])(config, "image", read_data(config), cpus=1, gpu=False)()
    checks = Checks()
    reading = Reading.of(config, data / "caches")
    looking = Looking(config, read_data(config), reading, lambda line: None, again=False)
    looking.begin(ended.begin)
    assert all(dataclasses.astuple(one)[:2] == (None, ()) for one in looking.found(checks).values())
    assert len(checks.faults) == 1
    assert "one ended with code -9" in checks.faults[0]
