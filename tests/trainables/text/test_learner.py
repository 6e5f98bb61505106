"""Batches of texts of about one length, and layers that join."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from modality_names import TEXT
from trainables_fakes import build

from trainables.learning.steps import count_batches
from trainables.modality import DataAccess
from trainables.text.learner import TextLearner, learning_layers, length_batches


def generator(seed: int = 0) -> torch.Generator:
    """A seeded generator."""
    return torch.Generator().manual_seed(seed)


@given(st.lists(st.integers(1, 14), min_size=1, max_size=300), st.integers(2, 40), st.integers(0, 99))
def test_an_epoch_has_each_row_once_in_whole_batches(lengths: list[int], batch_size: int, seed: int) -> None:
    """As many batches as are counted for the schedule, each full but one; a row that would be alone is left out."""
    batches = length_batches(torch.tensor(lengths), batch_size, generator(seed))
    rows = torch.cat(batches).tolist()
    alone = len(lengths) > 1 and len(lengths) % batch_size == 1
    assert len(rows) == len(set(rows)) == len(lengths) - alone
    assert len(batches) == count_batches(len(lengths), batch_size)
    assert sum(len(batch) != batch_size for batch in batches) <= 1


def test_little_is_padding() -> None:
    """On lengths like file names: 6 % more tokens at most in padded batches than in the texts; over half at random."""
    lengths = torch.randint(3, 13, (6400,), generator=generator(1))
    tokens = int(lengths.sum())
    by_length = sum(len(rows) * int(lengths[rows].max()) for rows in length_batches(lengths, 64, generator()))
    at_random = sum(
        len(rows) * int(lengths[rows].max()) for rows in torch.split(torch.randperm(6400, generator=generator()), 64)
    )
    assert by_length < 1.06 * tokens
    assert at_random > 1.5 * tokens


def test_the_order_is_random_and_the_generators() -> None:
    """The same generator gives the same epoch, the next epoch has other batches, and lengths don't rise in order."""
    lengths = torch.randint(3, 13, (1000,), generator=generator(1))
    own = generator(5)
    first, second = (length_batches(lengths, 32, own) for _ in range(2))
    again = length_batches(lengths, 32, generator(5))
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert {tuple(sorted(rows.tolist())) for rows in first}.isdisjoint(tuple(sorted(rows.tolist())) for rows in second)
    longest = [int(lengths[rows].max()) for rows in first]
    assert longest != sorted(longest)


@pytest.mark.parametrize(
    ("frozen_epochs", "layers_per_epoch", "expected"),
    [(0, None, [8, 8, 8, 8]), (2, None, [1, 1, 8, 8]), (1, 3, [1, 4, 7, 8]), (0, 1, [2, 3, 4, 5])],
)
def test_layers_join_from_the_top(frozen_epochs: int, layers_per_epoch: int | None, expected: list[int]) -> None:
    """First the head alone, then all at once or some more in each epoch, never more than there are."""
    found = [learning_layers(epoch, 8, frozen_epochs, layers_per_epoch) for epoch in (1, 2, 3, 4)]
    assert found == expected


def test_frozen_layers_stay_as_they_are(data: DataAccess) -> None:
    """In a frozen first epoch only the head moves; in the next one the layer below it joins, the embeddings rest."""
    learner = build(TEXT, data, frozen_epochs=1, layers_per_epoch=1).learner
    assert isinstance(learner, TextLearner)

    def moved() -> set[str]:
        before = {name: tensor.clone() for name, tensor in learner.weights().items()}
        learner.train_epoch()
        return {name for name, tensor in learner.weights().items() if not torch.equal(tensor, before[name])}

    first, second = moved(), moved()
    assert first
    assert all(".distilbert." not in name for name in first)
    assert any(".layer.0." in name for name in second)
    assert all("embeddings" not in name for name in second)
