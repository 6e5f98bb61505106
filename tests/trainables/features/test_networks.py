"""A frozen network's weights lie among the caches once; checkpoints hold links to them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from trainables.data.caches import list_caches
from trainables.features.networks import NETWORK_FILE, keep_network, link_network, read_network, weights_digest

WEIGHTS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, 2]), "none": torch.zeros(0, 4)}


def test_the_digest_is_of_names_shapes_types_and_values() -> None:
    """Each of them changes it; the order of the tensors doesn't."""
    others = [
        {**WEIGHTS, "a": WEIGHTS["a"].reshape(3, 2)},
        {**WEIGHTS, "a": WEIGHTS["a"].double()},
        {**WEIGHTS, "a": WEIGHTS["a"] + 1},
        {"c": WEIGHTS["a"], "b": WEIGHTS["b"], "none": WEIGHTS["none"]},
    ]
    digests = {weights_digest(one) for one in (WEIGHTS, *others)}
    assert len(digests) == 5
    assert weights_digest(dict(reversed(WEIGHTS.items()))) == weights_digest(WEIGHTS)


def test_a_checkpoint_has_the_same_file_without_another_copy(tmp_path: Path) -> None:
    """A hard link; what is read back is what was kept."""
    digest = weights_digest(WEIGHTS)
    kept = keep_network(tmp_path / "caches", WEIGHTS, digest, "tiny")
    assert keep_network(tmp_path / "caches", WEIGHTS, digest, "tiny") == kept
    (tmp_path / "best").mkdir()
    link_network(kept, tmp_path / "best")
    assert (tmp_path / "best" / NETWORK_FILE).samefile(kept)
    assert weights_digest(read_network(tmp_path / "best")) == digest
    assert [entry.what for entry in list_caches(tmp_path / "caches")] == ["tiny"]


def test_where_nothing_can_be_linked_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as onto another disk."""

    def refuse(*paths: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    kept = keep_network(tmp_path / "caches", WEIGHTS, weights_digest(WEIGHTS), "tiny")
    (tmp_path / "best").mkdir()
    link_network(kept, tmp_path / "best")
    copy = tmp_path / "best" / NETWORK_FILE
    assert not copy.samefile(kept)
    assert copy.read_bytes() == kept.read_bytes()
