"""A trial that is trained again from its raw dict gives the same bits, and nothing of its first run is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from modality_names import MODALITIES, TEXT
from tune_fakes import best_of, names, run, worker

from trainables.checkpoint import read_val_logits
from trainables.errors import UserError
from trainables.worker.again import train_again


@pytest.fixture(autouse=True)
def threads() -> Any:
    """As many as before."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_same_bits_at_the_epoch_that_counts(modality: str, raw: Any, tmp_path: Path) -> None:
    """Logits and accuracies of each epoch; the schedule is that of the whole trial, though it ends earlier."""
    first = raw(modality, max_epochs=2)
    reports = run(worker(first))
    kept = read_val_logits(best_of(tmp_path, modality))
    told: list[tuple[int, int]] = []
    best = int(reports[-1]["best_epoch"])
    again = train_again({**first, "folder": str(tmp_path / "again")}, best, lambda *numbers: told.append(numbers))
    assert kept is not None
    np.testing.assert_array_equal(again.val_logits, kept)
    assert [one.val_accuracy for one in again.epochs] == [one["val_accuracy"] for one in reports[:best]]
    assert told == [(number, best) for number in range(1, best + 1)]
    (folder,) = (tmp_path / "again").iterdir()
    assert names(folder) == ["best"]


def test_another_seed_gives_another_model(raw: Any, tmp_path: Path) -> None:
    """So that a spread of several seeds says something."""
    one, other = (
        train_again({**raw(TEXT, max_epochs=1), "folder": str(tmp_path / str(seed)), "seed": seed}, 1).val_logits
        for seed in (1, 2)
    )
    assert np.abs(one - other).max() > 0


def test_a_trial_that_ends_earlier_is_an_error(raw: Any, tmp_path: Path) -> None:
    """It is said why and in which epoch, instead of comparing another epoch."""
    with pytest.raises(UserError, match="must get to epoch 3 again, but it ended in epoch 2: completed"):
        train_again({**raw(TEXT, max_epochs=2), "folder": str(tmp_path / "again")}, 3)
