"""What a bundle's predictor takes and says, with models made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from trainables.runtime import Predictor
from trainables.runtime.errors import UserError
from trainables.runtime.fusion import LinearFusion, log_softmax
from trainables.runtime.members import CAPTIONS, PICTURES


class Always:
    """A model that says the same of each sample, and counts what it is asked at a time."""

    def __init__(self, *logits: float) -> None:
        self.logits_of_each, self.asked = logits, []  # type: ignore[var-annotated]

    def logits(self, items: Sequence[Any]) -> NDArray[np.float32]:
        """(N, C)."""
        self.asked.append(list(items))
        return np.array([self.logits_of_each] * len(items), dtype=np.float32)


@pytest.fixture
def predictor() -> Predictor:
    """One picture model at temperature 2, two of texts; together they have 4."""
    return Predictor(
        classes=("Blue", "Green"),
        system="fused",
        kinds={"seen": PICTURES, "read": CAPTIONS},
        members={"seen": ((1.0, Always(4, 0)),), "read": ((0.5, Always(0, 2)), (0.5, Always(0, 4)))},
        weights={"seen": 0.25, "read": 0.75},
        temperatures={"seen": 2.0, "read": 1.0, "fused": 4.0},
    )


def test_a_pair_is_fused(predictor: Predictor) -> None:
    """Members' shares and weights all count, temperatures in probabilities alone; one sample or several."""
    one = predictor.predict(images="a.jpg", texts="old")
    assert (one.decided_by, one.predicted) == ("fused", ("Green",))
    assert one.logits is not None
    assert one.probs is not None
    assert {name: own.tolist() for name, own in one.logits.items()} == {
        "seen": [[4.0, 0.0]],
        "read": [[0.0, 3.0]],
        "fused": [[1.0, 2.25]],
    }
    for name, temperature in predictor.temperatures.items():
        (first, second), (blue, green) = one.logits[name][0], one.probs[name][0]
        assert np.log(green / blue) == pytest.approx((second - first) / temperature)
        assert blue + green == pytest.approx(1)
    assert predictor.predict(images=["a.jpg"] * 3, texts=["x", "y", ["z", "w"]]).predicted == ("Green",) * 3
    assert predictor.predict(images="a.jpg", texts="old", weights=0).predicted == ("Blue",)


def test_one_alone_decides_where_the_other_is_lacking(predictor: Predictor) -> None:
    """For all samples, or for some of them."""
    assert predictor.predict(images="a.jpg").decided_by == "seen"
    some = predictor.predict(images=["a.jpg", None, "c.jpg"], texts=[None, "old", "old"])
    assert some.predicted == ("Blue", "Green", "Green")
    assert predictor.members["seen"][0][1].asked[-1] == ["a.jpg", "c.jpg"]  # type: ignore[attr-defined]


def test_a_fusion_by_matrices_decides_where_all_modalities_are_there(predictor: Predictor) -> None:
    """Else, and with weights that are asked for, the weights do."""
    swap = ((0.0, 1.0), (1.0, 0.0))
    fusion = LinearFusion({"seen": 2.0, "read": 1.0}, {"seen": swap, "read": swap}, (0.0, 0.5))
    richer = replace(predictor, system="stacking", fusion=fusion)
    both = richer.predict(images=["a.jpg", None], texts=["old", "old"])
    assert (both.decided_by, both.predicted) == ("stacking", ("Blue", "Green"))
    seen, read = log_softmax(np.array([[2.0, 0.0]])), log_softmax(np.array([[0.0, 3.0]]))
    assert both.logits is not None
    assert np.allclose(both.logits["stacking"][0], (seen + read)[0, ::-1] + [0.0, 0.5])
    assert richer.predict(texts="old").decided_by == "read"
    asked = richer.predict(images="a.jpg", texts="old", weights=0.75)
    assert (asked.decided_by, asked.predicted) == ("fused", ("Green",))


def test_one_alone_has_its_own_temperature(predictor: Predictor) -> None:
    """Whether it is asked by itself or beside samples that have both."""
    some = predictor.predict(images=["a.jpg", None, "c.jpg"], texts=[None, "old", "old"]).probs
    seen, read = predictor.predict(images="a.jpg").probs, predictor.predict(texts="old").probs
    pair = predictor.predict(images="c.jpg", texts="old").probs
    assert some is not None
    assert seen is not None
    assert read is not None
    assert pair is not None
    expected = np.concatenate([seen["seen"], read["read"], pair["fused"]])
    assert np.allclose(some["fused"], expected)


def test_what_is_returned(predictor: Predictor) -> None:
    """Logits, probabilities or both."""
    assert predictor.predict(texts="a", return_type="logits").probs is None
    assert predictor.predict(texts="a", return_type="probs").logits is None
    with pytest.raises(UserError, match="return_type"):
        predictor.predict(texts="a", return_type="classes")  # type: ignore[arg-type]


def test_a_stream_is_taken_some_at_a_time(predictor: Predictor) -> None:
    """No more samples are drawn than are answered."""
    drawn = []

    def samples() -> Any:
        for number in range(7):
            drawn.append(number)
            yield None, f"text {number}"

    answers = predictor.stream(samples(), batch_size=3, return_type="probs")
    assert len(next(answers).predicted) == 3
    assert len(drawn) == 3
    assert [len(one.predicted) for one in answers] == [3, 1]


@pytest.mark.parametrize(
    ("images", "texts"), [(None, None), ([], []), (["a.jpg"], ["x", "y"]), ([None, "a.jpg"], [None, "x"])]
)
def test_samples_without_anything_are_refused(predictor: Predictor, images: Any, texts: Any) -> None:
    """So are pairs that aren't."""
    with pytest.raises(UserError, match="Each sample must have something"):
        predictor.predict(images=images, texts=texts)
