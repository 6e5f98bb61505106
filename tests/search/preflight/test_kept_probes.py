"""What was tried of a study's trials isn't tried again as long as nothing changes that it depends on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from search_fakes import study

from search.machines.shares import Node, Share
from search.preflight.data import read_data
from search.preflight.kept_probes import LASTS, KeptProbes
from search.preflight.try_steps import Probe
from trainables.names import META_FILE
from trainables.records import ProbeResult

RESULT = ProbeResult(2_000, 16_000, 0.1, 5, 0.05, None, 1000)
NODES, SHARE = (Node(2, 0),), Share(2, 0, 1)


def kept(data: Path, nodes: tuple[Node, ...] = NODES, share: Share = SHARE, **image: Any) -> KeptProbes:
    """Of a study's image trials."""
    config = study(data, image=image)
    return KeptProbes.of(data / "caches", config, "image", read_data(config), nodes, share)


def test_it_is_there_again_for_the_same_trials(data: Path) -> None:
    """Whatever else the study searches."""
    one = kept(data)
    assert one.read() is None
    one.write([Probe("the section's own values", RESULT)])
    assert kept(data).read() == [Probe("the section's own values", RESULT)]
    assert kept(data, search={"trials": 7}).read() is not None


@pytest.mark.parametrize(
    "changes",
    [{"batch_size": 4}, {"nodes": (Node(4, 0),)}, {"share": Share(1, 0, 2)}],
    ids=["trials", "machines", "share"],
)
def test_what_it_depends_on_has_a_say(data: Path, changes: dict[str, Any]) -> None:
    """Other trials, machines, or another share of them."""
    one = kept(data)
    one.write([Probe("the section's own values", RESULT)])
    assert kept(data, **changes).read() is None


def test_other_data_are_tried_anew(data: Path) -> None:
    """Steps take what the samples take."""
    one = kept(data)
    one.write([Probe("the section's own values", RESULT)])
    picture = next((data / "train").rglob("*.jpg"))
    picture.rename(picture.with_name(f"other_{picture.name}"))
    assert kept(data).read() is None


@pytest.mark.parametrize("harm", [b"", b"{}", b"[1]", b"\xff"], ids=["empty", "without keys", "a list", "no text"])
def test_what_can_t_be_read_or_is_old_is_tried_anew(data: Path, harm: bytes) -> None:
    """It is a cache."""
    one = kept(data)
    one.write([Probe("the section's own values", RESULT)])
    path = one.folder / META_FILE
    held = json.loads(path.read_text())
    path.write_text(json.dumps(held | {"tried": held["tried"] - LASTS}))
    assert one.read() is None
    path.write_bytes(harm)
    assert one.read() is None
