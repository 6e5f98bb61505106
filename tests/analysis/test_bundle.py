"""A study as a bundle: it predicts what the study does, by itself, and is refused where it is no more what it was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bundle_fakes import exportable
from command_line import binwise_here
from modality_names import IMAGE, TEXT

from analysis import bundle as module
from analysis.bundle import TOLERANCE, Exported, export_bundle
from analysis.bundle_card import Parity
from analysis.bundle_predictor import BundlePredictor
from analysis.predictor import Predictor
from analysis.results import FusionResult
from analysis.store import read_selection
from trainables.checkpoint import read_checkpoint
from trainables.errors import UserError
from trainables.image.weights import packaged_file
from trainables.inference import load_model
from trainables.modality import DataAccess
from trainables.names import VAL
from trainables.runtime import Predictor as Runtime
from trainables.runtime.bundle import BUNDLE_FILE, DIGESTS_FILE
from trainables.runtime.fusion import LinearFusion

pytestmark = pytest.mark.skipif(
    packaged_file("tf_efficientnet_lite0") is None, reason="needs the packaged weights of the extra `demo`"
)
# Packages that a bundle does without; as None among the modules they can't be imported.
WITHOUT = ("torch", "transformers", "scipy", "sklearn", "safetensors", "pydantic", "trainables", "analysis", "search")
ALONE = """
import json, sys
sys.modules.update(dict.fromkeys({without!r}))
from binwise_runtime import Predictor
answers = Predictor.load({folder!r}).predict(images={images!r}, texts={texts!r})
print(json.dumps([answers.logits["ensemble"].tolist(), answers.predicted]))
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DataAccess]:
    """A study that ends with two networks and two heads."""
    return exportable(tmp_path_factory.mktemp("study"), ensemble=True)


@pytest.fixture(scope="module")
def exported(study: tuple[Path, DataAccess]) -> Exported:
    """Its bundle."""
    return export_bundle(study[0], study[0].parents[1] / "bundle", licence="Apache-2.0")


@pytest.fixture
def copied(exported: Exported, tmp_path: Path) -> Path:
    """A copy of the bundle, to be spoiled."""
    return Path(shutil.copytree(exported.folder, tmp_path / "copied"))


def test_it_predicts_what_the_study_does(study: tuple[Path, DataAccess], exported: Exported) -> None:
    """Every logit of networks and heads, pictures and texts, of a pair, of one alone; notes as well."""
    folder, data = study
    val = data.splits[VAL]
    samples = [{IMAGE: picture, TEXT: text} for picture, text in zip(val.items(IMAGE), val.items(TEXT), strict=True)]
    theirs, ours = Predictor.load(folder), BundlePredictor.load(exported.folder)
    for given in (samples, [{TEXT: one[TEXT]} for one in samples], [{IMAGE: one[IMAGE]} for one in samples]):
        for expected, said in zip(theirs.predict_alike(given), ours.predict_alike(given), strict=True):
            assert (said.decided_by, said.note) == (expected.decided_by, expected.note)
            assert said.temperatures == expected.temperatures
            for name, chances in expected.probabilities.items():
                assert list(said.probabilities[name].values()) == pytest.approx(list(chances.values()), abs=TOLERANCE)
            for name, logits in expected.logits.items():
                assert list(said.logits[name].values()) == pytest.approx(list(logits.values()), abs=TOLERANCE)
    assert exported.parity.difference <= TOLERANCE
    assert exported.parity.samples > len(samples)


def test_a_richer_fusion_says_what_the_study_says(study: tuple[Path, DataAccess], copied: Path) -> None:
    """The frozen matrices decide in both; what lacks a modality is decided by the other one."""
    folder, data = study
    ensemble = read_selection(folder)
    rng = np.random.default_rng(0)
    count = len(ensemble.classes)
    matrices = {name: tuple(map(tuple, rng.normal(size=(count, count)).tolist())) for name in ensemble.models}
    linear = LinearFusion({IMAGE: 0.8, TEXT: 1.7}, matrices, tuple(rng.normal(size=count).tolist()))
    result = FusionResult(linear, 0.02, 0.01, 0.03, deployed=True)
    selection = replace(ensemble, ensemble=None, fusions={"stacking": result})
    own = [one.trial_id for one in selection.models.values()]
    told = json.loads((copied / BUNDLE_FILE).read_text("utf-8"))
    members = [{**one, "share": 1.0} for one in told["members"] if one["name"] in own]
    shutil.rmtree(copied / module.RUNTIME)
    (copied / DIGESTS_FILE).unlink()
    module._write_rest(folder, copied, selection, members, Parity(0.0, 1), "")
    models = {name: load_model(folder / one.checkpoint)[1] for name, one in selection.models.items()}
    theirs, ours = Predictor(selection, models), BundlePredictor.load(copied)
    val = data.splits[VAL]
    samples = [{IMAGE: picture, TEXT: text} for picture, text in zip(val.items(IMAGE), val.items(TEXT), strict=True)]
    for expected, said in zip(theirs.predict_alike(samples), ours.predict_alike(samples), strict=True):
        assert said.decided_by == expected.decided_by == "stacking"
        assert list(said.logits["stacking"].values()) == pytest.approx(
            list(expected.logits["stacking"].values()), abs=20 * TOLERANCE
        )
    assert ours.predict({TEXT: val.items(TEXT)[0]}).decided_by == TEXT
    assert "is decided by stacking: the matrices in `bundle.json`" in (copied / module.CARD_FILE).read_text("utf-8")


def test_it_needs_none_of_our_packages(study: tuple[Path, DataAccess], exported: Exported, tmp_path: Path) -> None:
    """Moved elsewhere, with its own copy of the runtime, without torch; the logits are the same."""
    val = study[1].splits[VAL]
    images, texts = [str(one) for one in val.items(IMAGE)], list(val.items(TEXT))
    moved = Path(shutil.copytree(exported.folder, tmp_path / "moved"))
    code = ALONE.format(without=WITHOUT, folder=str(moved), images=images, texts=texts)
    environment = {**os.environ, "PYTHONPATH": str(moved)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=moved, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    logits, predicted = json.loads(done.stdout)
    here = Runtime.load(exported.folder).predict(images=images, texts=texts)
    assert here.logits is not None
    assert np.allclose(logits, here.logits["ensemble"], atol=1e-6)
    assert tuple(predicted) == here.predicted


def test_its_checkpoints_are_whole(exported: Exported) -> None:
    """What PyTorch loads lies in it as well, with the digests of its own."""
    folders = sorted((exported.folder / "members").iterdir())
    assert len(folders) == 4
    assert all(read_checkpoint(folder).meta for folder in folders)
    assert load_model(folders[0])[0] == IMAGE


def test_all_its_files_have_digests(exported: Exported) -> None:
    """As `sha256sum -c` reads them."""
    named = {line[66:] for line in (exported.folder / DIGESTS_FILE).read_text().splitlines()}
    files = {one.relative_to(exported.folder).as_posix() for one in exported.folder.rglob("*") if one.is_file()}
    assert files - named == {DIGESTS_FILE}


def test_its_card_has_the_numbers(exported: Exported) -> None:
    """Accuracy, classes, licence, and that no test was made."""
    card = (exported.folder / "MODEL_CARD.md").read_text()
    for words in (
        "license: Apache-2.0",
        "| Ensemble | 100.0\u00a0% |",
        "Black, Blue",
        "No test was made",
        "PyTorch's by",
    ):
        assert words in card


@pytest.mark.parametrize(
    "name", ["bundle.json", "members/text_000/network_0.onnx", "members/text_head_000/ngrams.json"]
)
def test_a_changed_file_is_refused_by_the_command(copied: Path, name: str) -> None:
    """One error that names it, exit code 2."""
    (copied / name).write_bytes((copied / name).read_bytes().replace(b"0", b"1", 1) + b" ")
    done = binwise_here(copied.parent, "predict", "copied", "--text", "old bottle")
    assert done.returncode == 2
    assert f"{name} must be the file that was exported" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["onnx", "onnxruntime"])
def test_a_missing_extra_is_named_at_once(
    study: tuple[Path, DataAccess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Which package, and how to get it; nothing is left."""
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=f"need the package {name}, .* with its extra `export`"):
        export_bundle(study[0], tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_a_place_that_is_taken_is_refused(study: tuple[Path, DataAccess], tmp_path: Path) -> None:
    """Nothing is replaced."""
    (tmp_path / "taken").mkdir()
    with pytest.raises(UserError, match="needs a free place"):
        export_bundle(study[0], tmp_path / "taken")
    done = binwise_here(tmp_path, "export", str(study[0]), "taken")
    assert (done.returncode, "needs a free place" in done.stderr) == (2, True), done.stderr


def test_other_logits_than_pytorchs_are_refused(
    study: tuple[Path, DataAccess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left where a graph says something else, by more than the tolerance."""
    monkeypatch.setattr(module, "TOLERANCE", 0.0)
    with pytest.raises(UserError, match="must say what PyTorch's do"):
        export_bundle(study[0], tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_a_changed_checkpoint_is_refused(study: tuple[Path, DataAccess], tmp_path: Path) -> None:
    """The bundle is of what was selected."""
    folder = Path(shutil.copytree(study[0], tmp_path / "study"))
    weights = folder / IMAGE / "image_000/best/weights.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    with pytest.raises(UserError, match="must be the file that was selected"):
        export_bundle(folder, tmp_path / "bundle")
