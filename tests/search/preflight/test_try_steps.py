"""Which trials are tried before the first one, and what is said of those that can't run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from modality_names import TEXT
from search_fakes import study

from search.preflight.data import read_data
from search.preflight.try_steps import Probe, _Failure, label_of, measure_all, notes_of, probe_configs, probes_of
from trainables.errors import UserError
from trainables.modality import DataAccess
from trainables.records import ProbeResult

TINY = {
    "weights": "none",
    "architecture": {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64},
    "vocabulary_size": 200,
    "batch_size": 4,
    "max_length": 16,
}


def labels(folder: Path, **image: Any) -> list[str]:
    """The tried image trials in words."""
    config = study(folder, image=image)
    return [label_of("image", one, config.image.fixed()) for one in probe_configs(config, "image")]


def choice(*values: Any) -> dict[str, Any]:
    """A dimension of these."""
    return {"type": "choice", "choices": list(values)}


def test_without_a_space_the_own_values_alone(tmp_path: Path) -> None:
    """What isn't searched can't be more demanding."""
    rates = {"head_learning_rate": {"type": "float", "low": 1e-4, "high": 1e-2}}
    assert labels(tmp_path) == labels(tmp_path, search={"space": rates}) == ["the section's own values"]


def test_every_backbone_at_the_most_that_the_space_has(tmp_path: Path) -> None:
    """The own values first, then each backbone with the largest batch and size, and with an average if there is one."""
    space = {
        "batch_size": choice(16, 128, 32),
        "size": {"type": "int", "low": 160, "high": 250, "step": 64},
        "backbone": choice("mobilenet_v3_large", "resnet50"),
        "ema_decay": choice(None, 0.99),
    }
    assert labels(tmp_path, search={"space": space}, size=160) == [
        "the section's own values",
        "batch_size 128, size 224, ema_decay 0.99",
        'backbone "resnet50", batch_size 128, size 224, ema_decay 0.99',
    ]


def test_points_that_nothing_covers_are_tried_as_they_are(tmp_path: Path) -> None:
    """Another backbone, a larger batch; not a smaller batch, nor another learning rate."""
    points = [
        {"backbone": "resnet18", "weights": "none"},
        {"batch_size": 256},
        {"batch_size": 16},
        {"head_learning_rate": 3e-3},
    ]
    space = {"batch_size": choice(32, 64)}
    assert labels(tmp_path, search={"space": space, "points": points}) == [
        "the section's own values",
        "batch_size 64",
        'backbone "resnet18", weights "none"',
        "batch_size 256",
    ]


def test_texts_at_their_longest(tmp_path: Path) -> None:
    """A text trial's most demanding values."""
    config = study(tmp_path, text={"search": {"space": {"max_length": {"type": "int", "low": 16, "high": 128}}}})
    assert [one["max_length"] for one in probe_configs(config, TEXT)] == [64, 128]


def test_one_trial_that_fails_hides_no_other(data: Path) -> None:
    """Real tiny trials in this process: the first and the last are measured, the one between has its reason."""
    config = study(data, text=TINY)
    own = config.text.fixed()
    wrong = {**own, "architecture": {"dim": 33, "n_layers": 1, "n_heads": 2, "hidden_dim": 64}}
    access = DataAccess(read_data(config), data / "cache", 1_000_000)
    first, second, third = measure_all(TEXT, [own, wrong, own], access)
    assert isinstance(first, ProbeResult)
    assert isinstance(third, ProbeResult)
    assert isinstance(second, _Failure)
    assert second.kind == "UserError"
    assert "sizes that fit" in second.text


RESULT = ProbeResult(1, 2, 0.1, 3, 0.1, None, 4)


def test_every_failure_is_named() -> None:
    """With the values, the reason and what to do."""
    failures = [
        RESULT,
        _Failure("OutOfMemory", "Not even 2 samples at a time fit."),
        _Failure("Diverged", "The loss is nan."),
        _Failure("UserError", "The file is gone."),
        _Failure("RuntimeError", "sizes differ"),
        _Failure("UserError", "The file is gone."),  # said once
    ]
    names = ["the section's own values", "size 1024", "batch_size 8", "weights x", "backbone y", "weights z"]
    with pytest.raises(UserError) as error:
        probes_of("image", names, failures)
    lines = str(error.value).splitlines()
    assert lines == [
        "A trial must run, but image with size 1024 doesn't: OutOfMemory: Not even 2 samples at a time fit. "
        "Take smaller pictures, shorter texts or a smaller backbone, or take them out of image.search.",
        "A trial must run, but image with batch_size 8 doesn't: Diverged: The loss is nan. "
        "Lower the learning rates, or take them out of image.search.",
        "A trial must run, but image with weights x doesn't: The file is gone.",
        "A trial must run, but image with backbone y doesn't: RuntimeError: sizes differ. "
        "Change these values, or take them out of image.search.",
    ]
    with pytest.raises(UserError, match=r"own values doesn't: ValueError: 3\. Change these values\.$"):
        probes_of("image", names[:1], [_Failure("ValueError", "3")])


def test_a_batch_that_does_not_fit_is_a_note() -> None:
    """It goes through in parts: no fault, but good to know."""
    parts = ProbeResult(1, 2, 0.1, 3, 0.1, None, 4, micro_batch_size=16)
    probes = probes_of("image", ["the section's own values", "batch_size 64"], [RESULT, parts])
    assert probes == [Probe("the section's own values", RESULT), Probe("batch_size 64", parts)]
    assert notes_of("image", probes) == [
        "image: a batch doesn't fit the memory with batch_size 64: 16 samples go through at a time, their gradients "
        "added up to the batch's"
    ]
