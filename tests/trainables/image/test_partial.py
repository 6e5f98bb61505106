"""Partial fine-tuning: what frozen stages make is computed once, the others learn, and the whole is a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from modality_names import IMAGE
from pydantic import ValidationError
from trainables_fakes import assert_same_tensors, make_data, saved

from trainables.build import BuiltTrial, build_trial, parse_config
from trainables.data.caches import list_caches
from trainables.errors import UserError
from trainables.image.partial import PartialLearner
from trainables.image.weights import packaged_file
from trainables.inference import predict_split
from trainables.learning.loop import Learner
from trainables.modalities import modality_of
from trainables.modality import DataAccess, SearchedValues
from trainables.names import VAL
from trainables.probe import probe

LITE = "tf_efficientnet_lite0"
TRIAL: dict[str, Any] = {
    "backbone": LITE,
    "size": 64,
    "batch_size": 8,
    "head_widths": [16],
    "head_dropouts": [0.1],
    "frozen_stages": 5,
    "augmented_copies": 2,
    "max_epochs": 3,
    "schedule": "constant",
}
pytestmark = pytest.mark.skipif(packaged_file(LITE) is None, reason="needs the packaged weights of the extra `demo`")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataAccess:
    """Twenty pictures to learn from, ten to be judged by."""
    return make_data(tmp_path_factory.mktemp("data"))


def built(data: DataAccess, seed: int = 3, **changes: Any) -> BuiltTrial:
    """A trial at its beginning."""
    return build_trial(IMAGE, {**TRIAL, **changes}, data, seed)


def learner_of(trial: BuiltTrial) -> PartialLearner:
    """Its learner."""
    assert isinstance(trial.learner, PartialLearner)
    return trial.learner


def trained(learner: Learner, epochs: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Val logits after so many epochs."""
    for _ in range(epochs):
        learner.train_epoch()
    learner.evaluate()
    assert learner.last_val_logits is not None
    return learner.last_val_logits


def test_frozen_stages_stay_and_the_others_learn(data: DataAccess) -> None:
    """Their BatchNorms' statistics too; the first epochs may be the head's alone."""
    learner = learner_of(built(data, frozen_epochs=1))
    network = learner.network
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    trained(learner, 1)
    after = network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.partition(".")[0] for name in changed if "running" not in name and "tracked" not in name} == {"head"}
    trained(learner, 2)
    after = network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    frozen = ("backbone.conv_stem", "backbone.bn1", *(f"backbone.blocks.{number}." for number in range(5)))
    assert not any(name.startswith(frozen) for name in changed)
    for part in ("backbone.blocks.5.", "backbone.blocks.6.", "backbone.conv_head", "head."):
        assert any(name.startswith(part) for name in changed), part


def test_all_that_isn_t_frozen_may_learn(data: DataAccess) -> None:
    """Also layers that the network applies by itself behind its last stage."""
    network = learner_of(built(data, backbone="mobilenetv3_small_100", weights=str(weights_file(data)))).network
    names = {id(parameter): name for name, parameter in network.backbone.named_parameters()}
    assert {names[id(one)].partition(".")[0] for one in network.learning()} == {"blocks", "conv_head"}


def weights_file(data: DataAccess) -> Path:
    """Random weights of that network, in a file."""
    import timm
    from safetensors.torch import save_file

    path = data.caches.parent / "mobilenet.safetensors"
    save_file(timm.create_model("mobilenetv3_small_100").state_dict(), path)
    return path


def test_a_checkpoint_is_a_whole_network(data: DataAccess, tmp_path: Path) -> None:
    """It predicts pictures elsewhere, with nothing of the caches, as the trial did, which learnt."""
    trial = built(data)
    losses = [trial.learner.train_epoch().loss for _ in range(4)]
    assert losses[-1] < losses[0]
    logits = trial.learner.evaluate().logits
    predicted = predict_split(saved(trial, tmp_path / "best"), data.splits[VAL])
    assert np.allclose(predicted.logits, logits, atol=1e-4)


def test_what_is_kept_is_computed_once(data: DataAccess) -> None:
    """A cache a copy, and one of val; another trial of the same stages, size and augmentation makes none."""
    trained(built(data, augmentation_strength=0.7).learner, 1)
    count = [entry.kind for entry in list_caches(data.caches)].count("features")
    trained(built(data, seed=4, augmentation_strength=0.7, head_learning_rate=3e-3).learner, 1)
    assert [entry.kind for entry in list_caches(data.caches)].count("features") == count
    trained(built(data, augmentation_strength=0.9).learner, 1)
    assert [entry.kind for entry in list_caches(data.caches)].count("features") == count + 2


def test_each_epoch_has_every_picture_once(data: DataAccess) -> None:
    """As one of its copies, of which all come up; without augmentation there is but one."""
    learner = learner_of(built(data, augmented_copies=3))
    rows = [torch.cat(learner.plan_epoch()) for _ in range(4)]
    assert all(sorted((one % 20).tolist()) == list(range(20)) for one in rows)
    assert {int(copy) for one in rows for copy in one // 20} == {0, 1, 2}
    learner = learner_of(built(data, augmentation_strength=0.0))
    assert int(torch.cat(learner.plan_epoch()).max()) < 20


def test_copies_differ_and_val_isn_t_augmented(data: DataAccess) -> None:
    """What the frozen stages make of val's pictures is what they make of them in the whole network."""
    learner = learner_of(built(data))
    maps = learner._train.maps(lambda: None)
    assert len(maps) == 2
    assert not np.array_equal(maps[0], maps[1])
    found = learner._val.batch(learner._val.maps(lambda: None), torch.arange(3))
    assert found.shape == (3, 112, 4, 4)
    assert found.is_contiguous(memory_format=torch.channels_last)
    labels = learner._labels
    batch, given = next(iter(learner.batches([torch.tensor([4, 23])])))
    assert torch.equal(given, torch.from_numpy(labels[[4, 3]]))
    assert np.array_equal(batch[0][1].permute(1, 2, 0).flatten().numpy(), maps[1][3])


def test_taken_up_within_an_epoch_it_ends_the_same(data: DataAccess) -> None:
    """To the last bit, with an average of the weights."""
    whole = built(data, ema_decay=0.9).learner
    logits = trained(whole, 2)
    first = learner_of(built(data, ema_decay=0.9))
    first.train_epoch()
    states: list[Any] = []

    def stop() -> None:
        if first._done == 1 and not states:
            states.append((first.state_dict(), {name: one.clone() for name, one in first.weights().items()}))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        first.train_epoch(after_step=stop)
    (state, weights), second = states[0], built(data, ema_decay=0.9).learner
    second.load_weights(weights)
    second.load_state_dict(state)
    second.train_epoch()
    second.evaluate()
    assert second.last_val_logits is not None
    assert np.array_equal(second.last_val_logits, logits)
    assert_same_tensors(second.weights(), whole.weights())


def test_whoever_asks_for_the_end_needn_t_wait_for_what_is_kept(tmp_path: Path) -> None:
    """Between two parts of the work it is looked whether the study is to stop."""

    def stop() -> None:
        raise KeyboardInterrupt

    learner = built(make_data(tmp_path)).learner
    with pytest.raises(KeyboardInterrupt):
        learner.train_epoch(after_step=stop)


def test_it_is_tried_before_a_search(data: DataAccess) -> None:
    """A few steps, of the upper stages alone."""
    found = probe(IMAGE, TRIAL, data)
    assert found.step_seconds > 0
    assert found.train_steps_per_epoch == 3


def test_what_can_t_be_frozen_is_told_before_the_first_trial(data: DataAccess) -> None:
    """Random weights in the config itself; a backbone without stages, or with too few, among the networks' faults."""
    with pytest.raises(ValidationError, match="must be 0 for a backbone of random weights"):
        parse_config(IMAGE, {**TRIAL, "weights": "none"})
    own = parse_config(IMAGE, TRIAL).model_dump(mode="json")
    space = {key: [value] for key, value in own.items()} | {"frozen_stages": [0, 5, 9]}
    with pytest.raises(UserError, match="got 9 and 'tf_efficientnet_lite0' has 7"):
        modality_of(IMAGE).networks(SearchedValues(own, space, []))
