"""Heads on pictures' frozen features, from the trial's dict to a checkpoint that predicts the same elsewhere."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from modality_names import IMAGE
from trainables_fakes import make_data, saved

from trainables.build import BuiltTrial, build_trial, check_network
from trainables.data.caches import list_caches
from trainables.data.pictures.cache import decoded_pictures
from trainables.data.pictures.digests import PICTURES
from trainables.errors import UserError
from trainables.image.backbones import takes_pictures
from trainables.image.config import ImageTrialConfig
from trainables.image.network import ImageNetwork
from trainables.image.prepare import CONTENT
from trainables.image.weights import packaged_file
from trainables.inference import predict_split
from trainables.modalities import modality_of
from trainables.modality import DataAccess, HeadWish, SearchedValues
from trainables.names import HEAD, TRAIN, TRAIN_LOGITS_FILE, VAL

LITE = "tf_efficientnet_lite0"
TRIAL: dict[str, Any] = {HEAD: "kernel_ridge", "backbone": LITE, "size": 64}
NETWORKS = ["resnet18", "squeezenet1_1"]
pytestmark = pytest.mark.skipif(packaged_file(LITE) is None, reason="needs the packaged weights of the extra `demo`")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataAccess:
    """Twenty pictures to learn from, ten to be judged by."""
    return make_data(tmp_path_factory.mktemp("data"))


def fitted(data: DataAccess, **changes: Any) -> BuiltTrial:
    """A head trial after its epoch."""
    built = build_trial(IMAGE, {**TRIAL, **changes}, data, seed=3)
    built.learner.train_epoch()
    built.learner.evaluate()
    return built


@pytest.mark.parametrize("family", ["kernel_ridge", "logistic", "neighbours"])
def test_a_checkpoint_predicts_what_its_trial_did(data: DataAccess, tmp_path: Path, family: str) -> None:
    """From its own folder, moved elsewhere, with nothing of the caches; colours are told apart."""
    built = fitted(data, **{HEAD: family})
    folder = saved(built, tmp_path / "best").rename(tmp_path / "moved")
    predicted = predict_split(folder, data.splits[VAL])
    assert built.learner.last_val_logits is not None
    assert np.allclose(predicted.logits, built.learner.last_val_logits, atol=1e-4)
    assert (predicted.logits.argmax(axis=1) == data.splits[VAL].labels).mean() >= 0.9
    assert np.load(folder / TRAIN_LOGITS_FILE).shape == (len(data.splits[TRAIN]), 2)
    assert built.learner.weights_bytes() > 13_000_000  # the network counts: it is what predicts


def test_fitted_again_it_is_the_same_bit_for_bit(data: DataAccess) -> None:
    """Features come from the cache; nothing is drawn that the seed doesn't say."""
    one, other = fitted(data), fitted(data)
    assert one.learner.last_val_logits is not None
    assert np.array_equal(one.learner.last_val_logits, other.learner.last_val_logits)
    weights, again = one.learner.weights(), other.learner.weights()
    assert all((weights[name] == again[name]).all() for name in weights)
    kinds = [entry.kind for entry in list_caches(data.caches)]
    assert kinds.count("features") == 2


def test_several_networks_stand_side_by_side(data: DataAccess, tmp_path: Path) -> None:
    """Their features are blocks of one head; the checkpoint has both."""
    built = build_trial(
        IMAGE, {**TRIAL, "backbone": "resnet18", "others": ["squeezenet1_1"], "weights": "none"}, data, 3
    )
    built.learner.train_epoch()
    built.learner.evaluate()
    predicted = predict_split(saved(built, tmp_path / "best"), data.splits[VAL])
    assert built.learner.last_val_logits is not None
    assert np.allclose(predicted.logits, built.learner.last_val_logits, atol=1e-4)


def test_a_stop_is_noticed_while_features_are_computed(data: DataAccess) -> None:
    """What is called between two parts may break the epoch off; nothing of it is kept."""
    built = build_trial(IMAGE, TRIAL, data, seed=3)

    class StopError(Exception):
        pass

    def stop() -> None:
        raise StopError

    with pytest.raises(StopError):
        built.learner.train_epoch(stop)
    assert built.learner.weights() == {}


def test_the_network_is_checked_before_the_first_trial(data: DataAccess) -> None:
    """Its bytes; a name that nobody has is refused with those that look like it."""
    assert check_network(IMAGE, TRIAL, data.splits[TRAIN]) > 13_000_000
    with pytest.raises(UserError, match="did you mean"):
        check_network(IMAGE, {**TRIAL, "backbone": "resnet81"}, data.splits[TRAIN])


def test_decoded_before_or_on_the_way_features_are_the_same(data: DataAccess, tmp_path: Path) -> None:
    """Where the cache of pictures isn't complete they are decoded as they are needed, and aren't kept."""
    paths = data.splits[TRAIN].items(IMAGE)
    found = []
    for name in ("decoded", "streamed"):
        access = replace(data, caches=tmp_path / name)
        if name == "decoded":
            for split in data.splits.values():
                items, folder = split.items(IMAGE), access.caches / PICTURES
                decoded_pictures(items, size=64, fit="pad", pixel_limit=data.pixel_limit, folder=folder)
        fitted(access)
        stored = [one for one in list_caches(access.caches) if one.kind == "features"]
        found.append({one.path.name: (one.path / "features.npy").read_bytes() for one in stored})
        assert {one.about["count"] for one in stored} == {len(paths), len(data.splits[VAL])}
    assert found[0] == found[1]
    assert not [one for one in list_caches(tmp_path / "streamed") if one.about.get("fit") and one.kind == PICTURES]


def test_pictures_that_changed_since_the_study_began_are_refused(data: DataAccess) -> None:
    """Features would be kept as those of other pictures."""
    known = {CONTENT: {TRAIN: "0" * 64, VAL: "1" * 64}}
    with pytest.raises(UserError, match="has changed since"):
        build_trial(IMAGE, TRIAL, replace(data, prepared=known), seed=3).learner.train_epoch()


def test_random_networks_have_no_heads_and_are_not_asked_for_any() -> None:
    """`auto` leaves them out; who names one is told."""
    own = ImageTrialConfig.parsed({"weights": "none", "size": 64}).model_dump()
    values = SearchedValues(own, {key: [value] for key, value in own.items()}, [own])
    assert modality_of(IMAGE).heads(values, HeadWish()) == []
    with pytest.raises(UserError, match="names resnet18 and `weights` is `none`"):
        modality_of(IMAGE).heads(values, HeadWish(backbones=("resnet18",)))


@pytest.mark.parametrize(("own", "larger"), [(64, 96), (96, 160), (128, 192), (160, 224), (192, 224), (224, None)])
def test_larger_pictures_are_tried_up_to_those_of_the_pretraining(own: int, larger: int | None) -> None:
    """Each network and all together, after the section's own size and before the other families."""
    trial = ImageTrialConfig.parsed({"backbone": "resnet18", "size": own}).model_dump()
    values = SearchedValues(trial, {**{key: [value] for key, value in trial.items()}, "backbone": NETWORKS}, [trial])
    found = [(one[HEAD], len(one["others"]), one["size"]) for one in modality_of(IMAGE).heads(values, HeadWish())]
    ridges = [("kernel_ridge", others, size) for size in (own, larger) if size for others in (0, 0, 1)]
    assert found[: len(ridges)] == ridges
    assert {size for _, _, size in found[len(ridges) :]} == {own}


def test_a_network_that_takes_no_larger_pictures_has_its_own_size_alone() -> None:
    """One of the list that doesn't is enough: they are compared at one size."""
    assert takes_pictures("resnet18", 160)
    assert not takes_pictures("resnet18", 0)
    assert not takes_pictures("resnet81", 160)


def test_the_linear_baseline_has_the_heads_network(data: DataAccess, tmp_path: Path) -> None:
    """Where a head is selected, the features are those that it was fitted on."""
    folder = saved(fitted(data), tmp_path / "best")
    found = modality_of(IMAGE).baseline(folder, data.splits[TRAIN], {VAL: data.splits[VAL]})
    assert found is not None
    assert (found[VAL].logits.argmax(axis=1) == data.splits[VAL].labels).mean() >= 0.9


def test_a_network_that_makes_no_numbers_of_a_picture_names_it(
    data: DataAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a later one: a head fitted on them would predict nothing."""
    real = ImageNetwork.features

    def features(network: ImageNetwork, pictures: torch.Tensor) -> torch.Tensor:
        found = real(network, pictures).clone()
        if len(found) == 20:
            found[17] = torch.inf
        return found

    monkeypatch.setattr(ImageNetwork, "features", features)
    with pytest.raises(UserError, match="finite features of every picture") as caught:
        build_trial(IMAGE, TRIAL, replace(data, caches=tmp_path), seed=3).learner.train_epoch()
    assert str(data.splits[TRAIN].items(IMAGE)[17]) in str(caught.value)


def test_pictures_that_are_copies_of_each_other_have_no_head(data: DataAccess, tmp_path: Path) -> None:
    """Nothing could be held out: what train must have, and what to do."""
    train = data.splits[TRAIN]
    copies = tuple(shutil.copy(train.items(IMAGE)[0], tmp_path / f"{row}.png") for row in range(len(train)))
    same = replace(data.splits[TRAIN], inputs={IMAGE: copies})
    access = replace(data, splits={**data.splits, TRAIN: same}, caches=tmp_path / "caches")
    with pytest.raises(UserError, match=r"two groups of samples or more, but it has 1: .* `heads: none`"):
        build_trial(IMAGE, TRIAL, access, seed=3).learner.train_epoch()


def test_a_backbone_without_features_is_refused_before_a_trial(data: DataAccess) -> None:
    """As a head's network and as one that is fine-tuned."""
    for trial in (TRIAL, {}):
        with pytest.raises(UserError, match="has no head to replace: take another one"):
            check_network(IMAGE, {**trial, "backbone": "mobilenetv5_300m_enc", "size": 224}, data.splits[TRAIN])
