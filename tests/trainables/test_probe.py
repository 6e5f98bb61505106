"""A few steps of a trial, measured; with real tiny trials, on a GPU where there is one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from modality_names import IMAGE, MODALITIES, TEXT
from trainables_fakes import TRIAL, build

from trainables import probe as module
from trainables.image.network import ImageNetwork
from trainables.learning.loop import OutOfMemory
from trainables.modalities import modality_of
from trainables.modality import DataAccess
from trainables.names import TRAIN
from trainables.probe import busy_share, probe
from trainables.records import ProbeResult
from trainables.worker.memory import machine_bytes


def tried(modality: str, data: DataAccess, **changes: Any) -> ProbeResult:
    """A tiny trial with changed hyperparameters, tried."""
    return probe(modality, {**TRIAL[modality], **changes}, data)


@pytest.mark.parametrize("modality", MODALITIES)
def test_what_a_trial_takes(modality: str, data: DataAccess) -> None:
    """Time and memory are found, an epoch's steps are those of all of train, and the weights those of the network."""
    result = tried(modality, data)
    assert result.step_seconds > 0
    assert result.evaluate_seconds_per_sample > 0
    assert result.peak_bytes > 0
    assert result.train_steps_per_epoch == 3
    if torch.cuda.is_available():
        assert result.total_bytes == torch.cuda.get_device_properties(0).total_memory
        assert result.gpu_utilization is not None
        assert 0 < result.gpu_utilization <= 1
    else:
        assert (result.total_bytes, result.gpu_utilization) == (machine_bytes(), None)
    assert result.micro_batch_size == 0
    weights = build(modality, data).learner.weights()
    assert result.weights_bytes == sum(tensor.nbytes for tensor in weights.values())


@pytest.mark.parametrize("modality", MODALITIES)
def test_nothing_is_written(modality: str, data: DataAccess, tmp_path: Any) -> None:
    """Pictures and tokens of the few steps lie in a folder that is gone afterwards."""
    elsewhere = DataAccess(data.splits, tmp_path / "cache", data.pixel_limit)
    tried(modality, elsewhere)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(("modality", "more"), [(IMAGE, {}), (TEXT, {"layers_per_epoch": 1})])
def test_all_of_the_network_learns(
    modality: str, more: dict[str, Any], data: DataAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epochs that freeze layers take less memory than the later ones; a short schedule ends no probe."""
    learning = []
    train = module._train

    def watched(learner: Any, *rest: Any) -> float:
        seconds = train(learner, *rest)
        learning.append([parameter.requires_grad for parameter in learner.network.parameters()])
        return seconds

    monkeypatch.setattr(module, "_train", watched)
    tried(modality, data, frozen_epochs=3, max_epochs=1, schedule="one_cycle", **more)
    assert all(all(flags) for flags in learning)
    assert learning


def needs(monkeypatch: pytest.MonkeyPatch, samples: int) -> None:
    """A device that holds no more samples at a time."""
    forward = ImageNetwork.forward

    def limited(self: ImageNetwork, pictures: torch.Tensor) -> torch.Tensor:
        if len(pictures) > samples:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, pictures)

    monkeypatch.setattr(ImageNetwork, "forward", limited)


def test_a_batch_that_does_not_fit_is_told(data: DataAccess, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes through in parts, as in a trial."""
    needs(monkeypatch, 4)
    assert tried(IMAGE, data).micro_batch_size == 4


def test_a_device_that_is_too_small_is_raised(data: DataAccess, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a trial would raise it."""
    needs(monkeypatch, 0)
    with pytest.raises(OutOfMemory, match="Not even 2 samples"):
        tried(IMAGE, data)


def test_the_heaviest_batch_has_the_longest_texts(data: DataAccess) -> None:
    """Padded, it takes the most memory of all."""
    texts = data.splits[TRAIN].inputs["text"]
    rows = module._heaviest(modality_of(TEXT), data.splits[TRAIN], 5).tolist()
    assert min(len(texts[row]) for row in rows) >= max(len(t) for n, t in enumerate(texts) if n not in rows)


@pytest.mark.parametrize(
    ("limits", "taken"), [({"SLOW_SECONDS": 0.0}, 1), ({"ENOUGH_SECONDS": 0.0}, 2), ({"ENOUGH_SECONDS": 60.0}, 3)]
)
def test_no_more_steps_are_tried_than_tell(
    data: DataAccess, monkeypatch: pytest.MonkeyPatch, limits: dict[str, float], taken: int
) -> None:
    """Where the first one takes long, it alone; where those after it do, as few as tell the time of one."""
    for name, seconds in limits.items():
        monkeypatch.setattr(module, name, seconds)
    learner = build(IMAGE, data).learner
    steps = []
    step = learner.stepper.step  # type: ignore[attr-defined]
    learner.stepper.step = lambda batch: steps.append(step(batch))  # type: ignore[attr-defined]
    plan = [torch.arange(4)] * 3
    assert module._train(learner, plan, torch.device("cpu")) > 0  # type: ignore[arg-type]
    assert len(steps) == taken


@pytest.mark.parametrize(
    ("kernels", "seconds", "expected"),
    [([2000.0, 3000.0], 0.01, 0.5), ([20_000.0], 0.01, 1.0), ([], 0.01, None), ([0.0], 0.01, None)],
)
def test_the_busy_share(kernels: list[float], seconds: float, expected: float | None) -> None:
    """The kernels' time by the step's, at most all of it; unknown where the profiler saw none."""
    assert busy_share(kernels, seconds) == expected
