"""Prediction of single inputs with a study's selected models."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from analysis_fakes import CLASSES, NUMBERS, study_folder, study_of_many
from modality_names import IMAGE, TEXT
from numpy.typing import NDArray

from analysis.numbers.fusion import fuse
from analysis.numbers.metrics import softmax
from analysis.numbers.mixture import Mixture
from analysis.pipeline import analyze
from analysis.predictor import Prediction, Predictor
from analysis.results import FusionResult
from trainables.errors import UserError
from trainables.modality import Item
from trainables.runtime.fusion import LinearFusion, log_softmax

LOGITS = {IMAGE: [2.0, 1.0, 0.0], TEXT: [0.0, 0.0, 3.0], NUMBERS: [0.0, 4.0, 0.0]}
KINDS = {IMAGE: Path, TEXT: (str, tuple), NUMBERS: tuple}


class OneAnswer:
    """A model that always gives the same logits, and insists on its own input alone."""

    classes = CLASSES

    def __init__(self, modality: str) -> None:
        self.modality = modality

    def logits(self, items: Sequence[Item]) -> NDArray[np.float32]:
        """The answer."""
        assert all(isinstance(item, KINDS[self.modality]) for item in items)
        return np.array([LOGITS[self.modality]] * len(items), dtype=np.float32)

    def timed_logits(self, items: Sequence[Item], batch_size: int) -> tuple[NDArray[np.float32], float]:
        """The answer, at once."""
        return self.logits(items), 0.0


def load(folder: Path) -> OneAnswer:
    """The model of a checkpoint folder, by its place."""
    return OneAnswer(folder.parent.parent.name)


def predictor(folder: Path, modalities: tuple[str, ...] = (IMAGE, TEXT)) -> Predictor:
    """A predictor of an analyzed study."""
    fakes = study_folder(folder, modalities)
    analyze(folder, linear_baseline=False, models=fakes.models())
    return Predictor.load(folder, load_model=load)


def test_pair_is_fused(tmp_path: Path) -> None:
    """A picture with a text gives all three answers; the fused one decides, with the selected alpha."""
    one = predictor(tmp_path)
    said = one.predict({IMAGE: tmp_path / "pictures/val_000.jpg", TEXT: "a Green thing"})
    assert one.selection.fusion is not None
    fused = fuse([LOGITS[IMAGE]], [LOGITS[TEXT]], one.selection.fusion.weights[TEXT])[0]
    assert list(said.logits["fused"].values()) == pytest.approx(fused.tolist())
    temperature = one.selection.val["fused"].temperature
    assert temperature is not None
    assert temperature != 1
    assert list(said.probabilities["fused"].values()) == pytest.approx(softmax(fused / temperature).tolist())
    assert said.temperatures == {name: one.selection.val[name].temperature for name in (IMAGE, TEXT, "fused")}
    assert (said.predicted, said.decided_by, said.note) == (CLASSES[int(fused.argmax())], "fused", None)
    assert set(said.probabilities) == {IMAGE, TEXT, "fused"}
    assert json.loads(json.dumps(said.as_dict()))["predicted"] == said.predicted
    assert str(said).startswith(f"{said.predicted} (")


def test_an_ensemble_decides_with_all_of_its_members(tmp_path: Path) -> None:
    """As its weights say; with one of two inputs the members of that modality decide."""
    fakes = study_of_many(tmp_path)
    selection = analyze(tmp_path, linear_baseline=False, models=fakes.models())
    ensemble = selection.ensemble
    assert ensemble is not None
    one = Predictor.load(tmp_path, load_model=load)
    said = one.predict({IMAGE: tmp_path / "pictures/val_000.jpg", TEXT: "a Green thing"})
    by_member = [w * np.array(LOGITS[ensemble.members[name].modality]) for name, w in ensemble.weights.items()]
    assert list(said.logits["ensemble"].values()) == pytest.approx(np.sum(by_member, axis=0).tolist())
    assert (said.decided_by, set(said.logits)) == ("ensemble", {IMAGE, TEXT, "ensemble"})
    alone = one.predict({TEXT: "a Green thing"})
    assert (alone.predicted, alone.decided_by) == ("Green", TEXT)
    assert list(alone.logits[TEXT].values()) == pytest.approx(LOGITS[TEXT])


def test_missing_modality_leaves_the_other_alone(tmp_path: Path) -> None:
    """With one of two inputs its model decides, and the answer says so."""
    one = predictor(tmp_path)
    said = one.predict({IMAGE: tmp_path / "pictures/val_000.jpg", TEXT: None})
    assert (said.predicted, said.decided_by, set(said.logits)) == ("Black", IMAGE, {IMAGE})
    assert said.note is not None
    assert "No text was given" in said.note
    said = one.predict({TEXT: "a Green thing"})
    assert (said.predicted, said.decided_by) == ("Green", TEXT)


def test_one_modality_study(tmp_path: Path) -> None:
    """A study of texts ignores a picture and says so; a picture alone is a user error."""
    one = predictor(tmp_path, (TEXT,))
    said = one.predict({IMAGE: tmp_path / "pictures/val_000.jpg", TEXT: "x"})
    assert (said.decided_by, said.predicted) == (TEXT, "Green")
    assert said.note is not None
    assert "no image model" in said.note
    with pytest.raises(UserError, match=r"models \(text\), but got image"):
        one.predict({IMAGE: tmp_path / "pictures/val_000.jpg", TEXT: None})


def test_a_study_of_pictures_ignores_a_blank_text(tmp_path: Path) -> None:
    """Where no text model is, a text is left out, whatever it is."""
    said = predictor(tmp_path, (IMAGE,)).predict({IMAGE: tmp_path / "pictures/val_000.jpg", TEXT: " "})
    assert said.decided_by == IMAGE


def test_user_errors(tmp_path: Path) -> None:
    """Nothing given, a missing picture, a blank text, and a checkpoint that isn't the selected one are user errors."""
    one = predictor(tmp_path)
    with pytest.raises(UserError, match="but got nothing"):
        one.predict({IMAGE: None})
    with pytest.raises(UserError, match="must be a file"):
        one.predict({IMAGE: tmp_path / "none.jpg"})
    for blank in ("", " \n", "\u200b"):
        with pytest.raises(UserError, match="must have something to read"):
            one.predict({IMAGE: tmp_path / "pictures/val_000.jpg", TEXT: blank})
    (tmp_path / one.selection.models[IMAGE].checkpoint / "weights.safetensors").write_bytes(b"other")
    with pytest.raises(UserError, match="SHA-256 differs"):
        Predictor.load(tmp_path, load_model=load)


def test_a_name_that_says_nothing_is_said(tmp_path: Path) -> None:
    """How much it weighs and who speaks of the picture; alone it decided; a text with a word needs no note."""
    one = predictor(tmp_path)
    picture = tmp_path / "pictures/val_000.jpg"
    assert one.selection.fusion is not None
    weight = one.selection.fusion.weights[TEXT]
    said = one.predict({IMAGE: picture, TEXT: "IMG_1234"})
    assert said.decided_by == "fused"
    assert said.note == (
        "The text “IMG_1234” says nothing of what the sample is: the text model’s word counts for little, but has a "
        f"weight of {weight:.2f} in the fusion. Look at what image says alone."
    )
    assert str(said).endswith(said.note)
    alone = one.predict({TEXT: ("IMG_1234", "DSC\x1b_0001")})
    assert alone.note is not None
    first, second = alone.note.split("\n")
    assert "decided alone, without the fusion" in first
    assert second.startswith("The text “IMG_1234 · DSC\\x1b_0001” says nothing")
    assert one.predict({IMAGE: picture, TEXT: ("IMG_1234", "jar")}).note is None


def test_of_many_classes_the_likeliest_are_told() -> None:
    """Ten of them in words, all of them in the plain values."""
    shares = {f"class {n}": 1 / (n + 2) for n in range(1000)}
    said = Prediction("class 0", TEXT, None, {TEXT: shares}, {TEXT: shares}, {TEXT: 1.0})
    assert str(said).endswith("class 9 9.1\xa0% and 990 more")
    assert len(said.as_dict()["logits"][TEXT]) == 1000
    odd = Prediction("a\nb", TEXT, None, {TEXT: {"a\nb": 1.0}}, {TEXT: {"a\nb": 1.0}}, {TEXT: 1.0})
    assert str(odd) == "a\\nb (100.0\xa0%, text)\n  text  a\\nb 100.0\xa0%"


def test_three_modalities_are_fused_over_those_that_are_given(tmp_path: Path, numbers: str) -> None:
    """All of them with the selected weights; two with these two's, again 1 in sum; one alone; each said."""
    one = predictor(tmp_path, (IMAGE, TEXT, numbers))
    assert one.selection.fusion is not None
    weights = one.selection.fusion.weights
    everything = {numbers: (1.0, 2.0), TEXT: "a Green thing", IMAGE: tmp_path / "pictures/val_000.jpg"}
    said = one.predict(everything)
    fused = sum(weights[name] * np.array(LOGITS[name]) for name in weights)
    assert list(said.logits) == [IMAGE, TEXT, numbers, "fused"]
    assert list(said.logits["fused"].values()) == pytest.approx(list(fused))
    assert (said.decided_by, said.note) == ("fused", None)
    assert "\n  numbers" in str(said)
    two = one.predict({**everything, IMAGE: None})
    share = weights[TEXT] / (weights[TEXT] + weights[numbers])
    expected = fuse([LOGITS[numbers]], [LOGITS[TEXT]], share)[0]
    assert list(two.logits) == [TEXT, numbers, "fused"]
    assert list(two.logits["fused"].values()) == pytest.approx(expected.tolist())
    assert two.note == "No image was given: text and numbers were fused without it."
    alone = one.predict({numbers: (1.0, 2.0)})
    assert (alone.decided_by, alone.predicted) == (numbers, "Blue")
    assert alone.note == ("No image and no text were given: the numbers model decided alone, without the fusion.")


def test_modalities_that_weigh_nothing_are_fused_alike(tmp_path: Path, numbers: str) -> None:
    """Where the given ones have no weight in the selection, each has the same."""
    one = predictor(tmp_path, (IMAGE, TEXT, numbers))
    fusion = Mixture({IMAGE: 1.0, TEXT: 0.0, numbers: 0.0}, 0.9, IMAGE, 0.9, 1.0)
    one = dataclasses.replace(one, selection=dataclasses.replace(one.selection, fusion=fusion))
    said = one.predict({TEXT: "a Green thing", numbers: (1.0, 2.0)})
    assert list(said.logits["fused"].values()) == pytest.approx([0.0, 2.0, 1.5])


def test_a_richer_fusion_decides_where_all_inputs_are_there(tmp_path: Path) -> None:
    """By its matrices; with one of two inputs that one's model decides."""
    one = predictor(tmp_path)
    swap = ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    linear = LinearFusion({IMAGE: 1.0, TEXT: 2.0}, {IMAGE: swap, TEXT: swap}, (0.0, 0.1, 0.2))
    fusions = {"stacking": FusionResult(linear, 0.03, 0.01, 0.02, deployed=True)}
    richer = dataclasses.replace(one, selection=dataclasses.replace(one.selection, fusions=fusions))
    said = richer.predict({IMAGE: tmp_path / "pictures/val_000.jpg", TEXT: "a Green thing"})
    chances = [log_softmax(np.array(LOGITS[IMAGE])), log_softmax(np.array(LOGITS[TEXT]) / 2)]
    assert (said.decided_by, set(said.logits)) == ("stacking", {IMAGE, TEXT, "stacking"})
    assert list(said.logits["stacking"].values()) == pytest.approx(np.sum(chances, axis=0)[[1, 0, 2]] + [0, 0.1, 0.2])
    assert richer.predict({TEXT: "a Green thing"}).decided_by == TEXT
