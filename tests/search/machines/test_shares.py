"""What each trial gets of the cluster, and how many run at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_fakes import searching, study

from search.machines.shares import (
    Node,
    Share,
    check_resources,
    fits,
    gpu_share,
    larger_share,
    plan_cluster,
    plan_resources,
    trials_a_gpu,
)
from trainables.errors import UserError
from trainables.records import ProbeResult


def plan(nodes: list[Node], *, trials: int = 20, **search: Any) -> Share:
    """The shares of an image search on these machines."""
    config = study(Path("/nowhere"), image=searching(trials=trials, **search))
    return plan_resources("image", config.image, nodes)


@pytest.mark.parametrize(
    ("nodes", "share"),
    [
        ([Node(1, 0)], Share(1, 0, 1)),
        ([Node(2, 0)], Share(1, 0, 2)),
        ([Node(16, 0)], Share(4, 0, 4)),
        ([Node(16, 1)], Share(16, 1, 1)),
        ([Node(32, 8)], Share(4, 1, 8)),
        ([Node(4, 8)], Share(1, 1, 4)),  # fewer CPUs than GPUs: as many trials as CPUs
        ([Node(32, 8), Node(32, 8)], Share(4, 1, 16)),
        ([Node(8, 0), Node(8, 0)], Share(4, 0, 4)),
        ([Node(4, 0), Node(16, 4)], Share(4, 1, 4)),  # the CPUs of a head without GPUs don't count
        ([Node(64, 0), Node(8, 4)], Share(2, 1, 4)),
    ],
)
def test_auto_uses_what_is_there(nodes: list[Node], share: Share) -> None:
    """A GPU a trial where there are some, else a few trials at once, and the CPUs shared among them."""
    assert plan(nodes) == share


def test_auto_runs_no_more_than_there_are_trials() -> None:
    """Two trials share the machine's CPUs between them, but none gets more than a machine has."""
    assert plan([Node(16, 0)], trials=2) == Share(8, 0, 2)
    assert plan([Node(16, 0), Node(16, 0)], trials=1) == Share(16, 0, 1)


def test_fractions_share_a_gpu() -> None:
    """With half a GPU each, two trials run on one; a fraction doesn't reach from one GPU to the next."""
    assert plan([Node(16, 2)], resources={"gpus": 0.5}) == Share(4, 0.5, 4)
    assert plan([Node(16, 1)], resources={"gpus": 0.1}).concurrency == 10
    assert plan([Node(16, 2)], resources={"gpus": 0.4}).concurrency == 4


def test_several_gpus_a_trial() -> None:
    """Three GPUs each on machines of four: one trial a machine, though twelve are enough for four."""
    assert plan([Node(12, 4)] * 3, resources={"gpus": 3}).concurrency == 3


@pytest.mark.parametrize(
    ("nodes", "resources", "expected"),
    [
        ([Node(4, 0)], {"gpus": 1}, ["image.search.resources.gpus is 1", "largest of 1 machine has 0"]),
        ([Node(4, 1), Node(4, 1)], {"gpus": 2}, ["image.search.resources.gpus is 2", "largest of 2 machines has 1"]),
        ([Node(4, 0), Node(4, 0)], {"cpus": 6}, ["image.search.resources.cpus is 6", "has 4"]),
        (
            [Node(64, 0), Node(8, 4)],
            {"cpus": 16, "gpus": 1},
            ["image.search.resources.cpus is 16", "1 machine with enough GPUs has 8"],
        ),
    ],
)
def test_a_trial_must_fit_one_machine(nodes: list[Node], resources: dict[str, Any], expected: list[str]) -> None:
    """What no single machine has is refused at once, with what there is, instead of waiting for ever."""
    with pytest.raises(UserError) as error:
        plan(nodes, resources=resources)
    for text in expected:
        assert text in str(error.value)


def test_above_one_gpu_only_whole_ones() -> None:
    """One and a half GPUs can't be given to a trial."""
    with pytest.raises(UserError, match=r"image\.search\.resources\.gpus.*1\.5"):
        plan([Node(16, 4)], resources={"gpus": 1.5})


def test_explicit_numbers_are_kept() -> None:
    """Given numbers that fit stay as they are."""
    assert plan([Node(16, 4)], concurrency=3, resources={"cpus": 2, "gpus": 1}) == Share(2, 1, 3)
    assert plan([Node(16, 0)], concurrency=8) == Share(2, 0, 8)


@pytest.mark.parametrize(
    ("nodes", "search", "expected"),
    [
        ([Node(4, 2)], {"concurrency": 3, "resources": {"gpus": 1}}, "is 3 with 1 CPUs and 1 GPUs each, and 2 fit"),
        ([Node(2, 0)], {"concurrency": 3}, "is 3 with 1 CPUs and 0 GPUs each, and 2 fit"),
        ([Node(3, 0), Node(3, 0)], {"concurrency": 3, "resources": {"cpus": 2}}, "and 2 fit"),
    ],
)
def test_explicit_concurrency_must_fit(nodes: list[Node], search: dict[str, Any], expected: str) -> None:
    """More trials at once than fit are refused, with how many do."""
    with pytest.raises(UserError, match=expected):
        plan(nodes, **search)


GB = 1_000_000_000


@pytest.mark.parametrize(
    ("peak", "gpu", "busy", "cpus", "expected"),
    [
        (4 * GB, 24 * GB, None, 16, 4),  # 0.92 * 24 / 4.6
        (4 * GB, 24 * GB, 0.9, 16, 1),  # one alone keeps it busy
        (4 * GB, 24 * GB, 0.5, 16, 2),
        (4 * GB, 24 * GB, 0.3, 16, 4),
        (4 * GB, 24 * GB, 0.3, 3.5, 3),  # a CPU each
        (4 * GB, 24 * GB, None, 0.5, 1),
        (1 * GB, 80 * GB, None, 64, 8),  # never more than 8
        (1 * GB, 80 * GB, 0.05, 64, 8),
        (23 * GB, 24 * GB, 0.1, 16, 1),
        (100 * GB, 24 * GB, None, 16, 1),  # one has all that there is, in smaller parts
    ],
)
def test_trials_a_gpu(peak: int, gpu: int, busy: float | None, cpus: float, expected: int) -> None:
    """As many as the memory holds, the GPU's time allows and the CPUs suffice for, from 1 to 8."""
    assert trials_a_gpu(peak, gpu, busy, cpus) == expected


@pytest.mark.parametrize("trials", range(1, 9))
def test_shares_fill_a_gpu(trials: int) -> None:
    """So many trials fit, and not one more, whatever a fraction is in floats."""
    share = gpu_share(trials)
    assert share == int(share * 10_000 + 0.5) / 10_000
    assert trials * share <= 1 < (trials + 1) * share
    assert plan([Node(16, 1)], resources={"gpus": share}).concurrency == min(trials, 16)


def test_a_third_is_rounded_down() -> None:
    """0.3334 would be one trial less."""
    assert [gpu_share(k) for k in (1, 2, 3, 6, 7, 8)] == [1.0, 0.5, 0.3333, 0.1666, 0.1428, 0.125]


def result(peak: int, total: int = 24 * GB, busy: float | None = None) -> ProbeResult:
    """What was measured of a trial."""
    return ProbeResult(peak, total, 0.1, 10, 0.01, busy, 1)


def test_what_was_measured_packs_the_gpus() -> None:
    """By the most memory that any trial takes, and by how busy the section's own values keep the GPU."""
    config = study(Path("/nowhere"), image=searching(trials=20))
    probes = {"image": [result(2 * GB, busy=0.5), result(4 * GB, busy=1.0)], "text": [result(1 * GB)]}
    nodes = [Node(16, 2)]
    assert plan_cluster(config, nodes, probes) == {"image": Share(4, 0.5, 4), "text": Share(16, 0.125, 1)}
    assert plan_cluster(config, nodes, {}) == {"image": Share(8, 1.0, 2), "text": Share(16, 1.0, 1)}
    small = plan_cluster(config, nodes, probes, smallest_gpu_bytes=5 * GB)  # of GPUs that differ, the smallest
    assert small["image"].gpus == 1
    assert small["text"].gpus == 0.5


def test_shares_that_the_study_sets_are_kept() -> None:
    """Nothing that was measured changes them."""
    config = study(Path("/nowhere"), modalities=["image"], image=searching(resources={"gpus": 0.5}))
    assert plan_cluster(config, [Node(8, 1)], {"image": [result(23 * GB)]})["image"].gpus == 0.5


def test_every_fault_of_the_resources_is_said() -> None:
    """Both modalities' at once."""
    greedy = {"search": {"resources": {"gpus": 64}}}
    config = study(Path("/nowhere"), image=greedy, text=greedy)
    with pytest.raises(UserError) as error:
        check_resources(config, [Node(4, 1)])
    assert [line.split(" is ")[0].split()[-1] for line in str(error.value).splitlines()] == [
        "image.search.resources.gpus",
        "text.search.resources.gpus",
    ]


def test_trials_at_once_may_share_gpus() -> None:
    """Four at once on one GPU aren't refused before it is known how many share it."""
    config = study(Path("/nowhere"), modalities=["image"], image=searching(concurrency=4))
    check_resources(config, [Node(8, 1)])
    assert plan_cluster(config, [Node(8, 1)], {"image": [result(1 * GB)]})["image"].concurrency == 4
    with pytest.raises(UserError, match="is 4 with 2 CPUs and 1 GPUs each, and 1 fit"):
        plan_cluster(config, [Node(8, 1)], {"image": [result(23 * GB)]})


@pytest.mark.parametrize(
    ("share", "larger"),
    [
        (Share(2, 0.25, 8), Share(2, 0.5, 4)),
        (Share(2, 0.5, 4), Share(2, 1.0, 2)),
        (Share(2, 0.3333, 6), Share(2, 0.6666, 2)),
        (Share(2, 0.7, 2), Share(2, 1.0, 2)),
        (Share(2, 0.25, 1), Share(2, 0.5, 1)),
        (Share(2, 1.0, 2), None),
        (Share(2, 2.0, 1), None),
        (Share(2, 0.0, 4), None),
    ],
)
def test_a_trial_that_ran_out_of_memory_gets_more(share: Share, larger: Share | None) -> None:
    """Twice as much of a GPU up to a whole one, and as many at once as then fit two GPUs."""
    assert larger_share(share, [Node(16, 2)]) == larger


@pytest.mark.parametrize(
    ("running", "modality", "expected"),
    [
        ({}, "image", True),
        ({"image": 1}, "image", True),
        ({"image": 2}, "image", False),
        ({"image": 1, "text": 2}, "image", False),
        ({"image": 1, "text": 1}, "text", True),
        ({"image": 1, "text": 2}, "text", False),
        ({"text": 3}, "text", True),
        ({"text": 4}, "text", False),  # its own number at once
    ],
)
def test_both_modalities_share_a_gpu(running: dict[str, int], modality: str, expected: bool) -> None:
    """Half a GPU for an image trial, a quarter for a text trial: what is free decides."""
    shares = {"image": Share(1, 0.5, 2), "text": Share(1, 0.25, 4)}
    assert fits(running, shares, [Node(16, 1)], modality) is expected


def test_a_share_lies_on_one_gpu_and_one_machine() -> None:
    """Two GPUs that are half free are no whole one, nor are CPUs of two machines one machine's."""
    assert not fits({"text": 2}, {"image": Share(1, 0.5, 4), "text": Share(1, 0.7, 2)}, [Node(8, 2)], "image")
    whole = {"image": Share(1, 1.0, 4), "text": Share(1, 0.5, 4)}
    assert fits({"text": 2}, whole, [Node(8, 2)], "image")
    assert not fits({"text": 3}, whole, [Node(8, 2)], "image")
    wide = {"image": Share(3, 0.0, 4)}
    assert not fits({"image": 2}, wide, [Node(4, 0), Node(4, 0)], "image")
    assert not fits({}, {"image": Share(1, 2.0, 1)}, [Node(8, 1), Node(8, 1)], "image")


def test_without_gpus_both_together_are_few() -> None:
    """Four in all, unless one modality was given more."""
    nodes, shares = [Node(32, 0)], {"image": Share(1, 0, 4), "text": Share(1, 0, 4)}
    assert fits({"image": 2, "text": 1}, shares, nodes, "text")
    assert not fits({"image": 2, "text": 2}, shares, nodes, "text")
    assert fits({"image": 2, "text": 2}, {**shares, "image": Share(1, 0, 6)}, nodes, "image")


@given(
    st.integers(1, 8), st.integers(1, 8), st.integers(1, 3), st.lists(st.sampled_from(["image", "text"]), max_size=30)
)
def test_what_is_let_in_never_exceeds_the_cluster(image: int, text: int, gpus: int, order: list[str]) -> None:
    """However trials come, their parts add up to no more than the GPUs there are, and one alone always fits."""
    shares = {"image": Share(1, gpu_share(image), 30), "text": Share(1, gpu_share(text), 30)}
    running = {"image": 0, "text": 0}
    for modality in order:
        if fits(running, shares, [Node(64, gpus)], modality):
            running[modality] += 1
    assert sum(count * shares[name].gpus for name, count in running.items()) <= gpus + 1e-9
    assert not order or sum(running.values()) >= 1
