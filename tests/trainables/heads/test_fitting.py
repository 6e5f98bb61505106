"""One head of a named family, from the fit to the tensors and back."""

from __future__ import annotations

import json
from typing import get_args

import numpy as np
import pytest
from head_fakes import made_inputs
from numpy.typing import NDArray
from threadpoolctl import threadpool_info, threadpool_limits

from trainables.errors import UserError
from trainables.heads.fitting import FittedHead, fit_head, restored
from trainables.heads.inputs import HeadInputs
from trainables.heads.temperature import best_factor, log_loss
from trainables.names import HeadFamily

FAMILIES = get_args(HeadFamily)
LABELS = np.random.default_rng(1).integers(0, 3, 90)
PARTS = {
    "one network": {},
    "two networks": {"dense": 2},
    "an encoder and n-grams": {"sparse": True},
    "n-grams alone": {"dense": 0, "sparse": True},
}


def _fit(
    family: HeadFamily, inputs: HeadInputs, labels: NDArray[np.int64] = LABELS, most: int = 2000
) -> tuple[FittedHead, NDArray[np.float32]]:
    return fit_head(family, inputs, labels, 3, np.arange(len(labels)) // 2, seed=3, most_support=most)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("parts", PARTS)
def test_a_head_comes_back_from_its_tensors_and_settings(family: HeadFamily, parts: str) -> None:
    """Bit for bit, the settings by way of JSON; it tells classes apart, on samples that it never saw too."""
    inputs = made_inputs(LABELS, **PARTS[parts])  # type: ignore[arg-type]
    head, out_of_fold = _fit(family, inputs)
    again = restored(family, json.loads(json.dumps(dict(head.settings))), head.tensors)
    logits = head.logits(inputs)
    assert logits.dtype == out_of_fold.dtype == np.float32
    assert logits.shape == out_of_fold.shape == (90, 3)
    np.testing.assert_array_equal(again.logits(inputs), logits)
    assert (out_of_fold.argmax(axis=1) == LABELS).mean() > 0.6
    assert (logits.argmax(axis=1) == LABELS).mean() > 0.8


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("most", [30, 2000])
def test_the_same_bits_on_one_thread(family: HeadFamily, most: int) -> None:
    """A fit has one thread, however many there are otherwise: the sums of several depend on how many they are."""
    inputs = made_inputs(LABELS, sparse=True)
    found, threads = [], []

    def count() -> None:
        threads.append(max(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"))

    for outside in (1, 2):
        with threadpool_limits(outside):
            head, out_of_fold = fit_head(family, inputs, LABELS, 3, None, seed=3, most_support=most, between=count)
            found.append({**head.tensors, "held out": out_of_fold, "logits": head.logits(inputs)})
    assert set(threads) == {1}
    for key, array in found[0].items():
        np.testing.assert_array_equal(array, found[1][key])


@pytest.mark.parametrize("family", FAMILIES)
def test_samples_are_predicted_alike_in_any_company(family: HeadFamily) -> None:
    """A few at a time or all at once."""
    inputs = made_inputs(LABELS, sparse=True)
    head, _ = _fit(family, inputs)
    parts = np.concatenate([head.logits(inputs.rows(slice(start, start + 7))) for start in range(0, 90, 7)])
    np.testing.assert_allclose(parts, head.logits(inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_are_as_sure_as_the_head_is_right(family: HeadFamily) -> None:
    """Held-out logits need no further temperature, also where features say nothing."""
    for inputs in (made_inputs(LABELS), made_inputs(np.random.default_rng(5).permutation(LABELS))):
        _, out_of_fold = _fit(family, inputs)
        scaled = out_of_fold * np.float32(best_factor(out_of_fold, LABELS))
        assert log_loss(out_of_fold, LABELS) <= log_loss(scaled, LABELS) + 1e-2
        assert log_loss(out_of_fold, LABELS) <= np.log(3) + 0.01


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "labels",
    [[0, 1], [0, 1, 1], [2, *[0, 1] * 10], [0] * 12],
    ids=["two samples", "three samples", "a class of one sample", "one class alone"],
)
def test_small_splits_have_finite_logits(family: HeadFamily, labels: list[int]) -> None:
    """Fewer samples than folds, a class with fewer, classes without any: fewer folds, and never NaN."""
    own = np.array(labels, dtype=np.int64)
    inputs = made_inputs(own, sparse=True)
    for most in (2000, 4):
        head, out_of_fold = fit_head(family, inputs, own, 4, None, seed=0, most_support=most)
        assert np.isfinite(out_of_fold).all()
        assert np.isfinite(head.logits(inputs)).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_equal_features_have_finite_logits(family: HeadFamily) -> None:
    """A network that says the same of everything, or zeros: no distance, no variance."""
    for value in (0.0, 1.0):
        inputs = HeadInputs((np.full((90, 4), value, dtype=np.float32),))
        for most in (2000, 30):
            head, out_of_fold = _fit(family, inputs, most=most)
            assert np.isfinite(out_of_fold).all()
            assert np.isfinite(head.logits(inputs)).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_one_group_is_a_users_mistake(family: HeadFamily) -> None:
    """Said before anything is fitted."""
    with pytest.raises(UserError, match="two groups"):
        fit_head(family, made_inputs(LABELS), LABELS, 3, np.zeros(90, dtype=np.int64), seed=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_can_be_broken_off(family: HeadFamily) -> None:
    """What it calls between parts may raise."""

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_head(family, made_inputs(LABELS), LABELS, 3, None, seed=0, between=stop)
