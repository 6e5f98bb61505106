"""A checkpoint predicts what its learner saw."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from modality_names import IMAGE, MODALITIES, TEXT
from split_fakes import with_inputs
from trainables_fakes import build, train

from trainables.checkpoint import write_checkpoint
from trainables.errors import UserError
from trainables.image import model as image_model
from trainables.inference import load_model, predict_split
from trainables.learning.loop import Evaluation
from trainables.modality import DataAccess
from trainables.names import VAL, WEIGHTS_FILE


@pytest.fixture(scope="module")
def trained(data: DataAccess, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Evaluation]]:
    """A checkpoint of each modality after four epochs, and what its learner evaluated."""
    found = {}
    image = {"fit": "crop", "batchnorm_momentum": 0.3, "head_learning_rate": 0.01}
    for modality, changes in ((IMAGE, image), (TEXT, {"cleaning": "words", "learning_rate": 0.02})):
        built = build(modality, data, **changes)
        train(built, 4)
        folder = tmp_path_factory.mktemp(modality) / "best"
        write_checkpoint(folder, built.learner.weights(), built.meta, companions=built.companions)
        found[modality] = (folder, built.learner.evaluate())
    return found


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("batch_size", [256, 3])
def test_a_split_gets_the_learners_logits(
    modality: str, batch_size: int, data: DataAccess, trained: dict[str, tuple[Path, Evaluation]]
) -> None:
    """Loaded from its folder alone, the model gives val the logits that the learner gave it, in val's order."""
    folder, expected = trained[modality]
    found = predict_split(folder, data.splits[VAL], batch_size=batch_size)
    assert found.logits == pytest.approx(expected.logits, abs=1e-5)
    assert np.ptp(expected.logits, axis=0).min() > 1e-3, "the samples must differ for this to prove anything"
    assert found.ids == data.splits[VAL].ids
    assert found.labels.tolist() == expected.labels.tolist()
    assert found.classes == data.splits[VAL].classes
    assert found.seconds_per_sample > 0


@pytest.mark.parametrize("modality", MODALITIES)
def test_one_sample_gets_its_own_logits(
    modality: str, data: DataAccess, trained: dict[str, tuple[Path, Evaluation]]
) -> None:
    """A single picture or text is predicted as it is within its split."""
    folder, expected = trained[modality]
    (name, model), val = load_model(folder), data.splits[VAL]
    assert name == modality
    found = model.logits([val.inputs[modality][4]])
    assert found == pytest.approx(expected.logits[4:5], abs=1e-5)


def test_pictures_are_decoded_in_chunks(
    data: DataAccess, trained: dict[str, tuple[Path, Evaluation]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More pictures than are decoded at a time: the same logits, none lost between the chunks."""
    monkeypatch.setattr(image_model, "CHUNK", 4)
    folder, expected = trained[IMAGE]
    assert predict_split(folder, data.splits[VAL]).logits == pytest.approx(expected.logits, abs=1e-5)


@pytest.mark.parametrize("modality", MODALITIES)
def test_other_classes_are_refused(
    modality: str, data: DataAccess, trained: dict[str, tuple[Path, Evaluation]]
) -> None:
    """A split with other classes, or the same in another order, isn't predicted."""
    for classes in (("Black", "Green"), ("Blue", "Black"), ("Black", "Blue", "Green")):
        other = dataclasses.replace(data.splits[VAL], classes=classes)
        with pytest.raises(UserError, match="classes"):
            predict_split(trained[modality][0], other)


def test_an_image_model_needs_every_picture(data: DataAccess, trained: dict[str, tuple[Path, Evaluation]]) -> None:
    """A sample without a picture is refused for the image model, the text model doesn't mind."""
    val = data.splits[VAL]
    bare = with_inputs(val, image=(None, *val.inputs["image"][1:]))
    with pytest.raises(UserError, match="needs its image"):
        predict_split(trained[IMAGE][0], bare)
    assert len(predict_split(trained[TEXT][0], bare).ids) == len(val)


def test_an_unreadable_picture_is_named(
    data: DataAccess, trained: dict[str, tuple[Path, Evaluation]], tmp_path: Path
) -> None:
    """Raw bytes instead of a picture: one message with the file's name."""
    (tmp_path / "torn.png").write_bytes(b"torn")
    val = data.splits[VAL]
    with pytest.raises(UserError, match=r"torn\.png"):
        predict_split(trained[IMAGE][0], with_inputs(val, image=(tmp_path / "torn.png", *val.inputs["image"][1:])))


def test_a_damaged_checkpoint_is_refused(trained: dict[str, tuple[Path, Evaluation]], tmp_path: Path) -> None:
    """A flipped byte in the weights is noticed before anything is built."""
    copy = tmp_path / "best"
    copy.mkdir()
    for path in trained[TEXT][0].iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    load_model(copy)
    content = bytearray((copy / WEIGHTS_FILE).read_bytes())
    content[-1] ^= 1
    (copy / WEIGHTS_FILE).write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        load_model(copy)
