"""The hyperparameters of one trial."""

from __future__ import annotations

from typing import Any

import pytest
from modality_names import MODALITIES
from pydantic import ValidationError

from trainables.image.config import ImageTrialConfig
from trainables.modalities import modality_of
from trainables.text.config import TextTrialConfig


def test_the_image_defaults_are_the_published_recipe() -> None:
    """Each hyperparameter of the published image model."""
    config = ImageTrialConfig()
    assert (config.backbone, config.weights, config.size, config.fit) == ("mobilenet_v3_large", "imagenet", 224, "pad")
    assert (config.max_epochs, config.patience, config.batch_size) == (50, 15, 32)
    assert (config.head_widths, config.head_dropouts) == ((512, 256), (0.3, 0.2))
    assert (config.backbone_learning_rate, config.backbone_weight_decay) == (1e-4, 0.0)
    assert (config.head_learning_rate, config.head_weight_decay) == (1e-3, 1e-4)
    assert (config.schedule, config.plateau_factor, config.plateau_patience) == ("plateau", 0.5, 5)
    assert config.minimum_learning_rate == 1e-6
    assert (config.class_weights, config.label_smoothing) == ("balanced", 0.0)
    assert (config.augmentation_strength, config.frozen_epochs, config.batchnorm_momentum) == (1.0, 0, None)


def test_the_text_defaults_are_the_published_recipe() -> None:
    """Each hyperparameter of the published text model."""
    config = TextTrialConfig()
    assert (config.backbone, config.weights, config.max_length) == ("distilbert-base-uncased", "pretrained", 64)
    assert (config.max_epochs, config.patience, config.batch_size) == (15, 4, 64)
    assert (config.learning_rate, config.weight_decay, config.gradient_clip) == (3e-5, 0.01, 1.0)
    assert (config.schedule, config.warmup_share) == ("linear", 0.1)
    assert (config.class_weights, config.label_smoothing) == ("none", 0.0)
    assert (config.cleaning, config.dropout) == ("raw", None)


@pytest.mark.parametrize(
    ("modality", "wrong"),
    [
        ("image", {"learning_rate": 1e-3}),  # the text's
        ("image", {"batch_size": 1}),
        ("image", {"batch_size": 32.0}),
        ("image", {"max_epochs": 0}),
        ("image", {"size": 16}),
        ("image", {"fit": "stretch"}),
        ("image", {"schedule": "sine"}),
        ("image", {"head_learning_rate": 0}),
        ("image", {"head_learning_rate": float("nan")}),
        ("image", {"head_weight_decay": float("inf")}),
        ("image", {"augmentation_strength": -0.1}),
        ("image", {"head_dropouts": [0.3, 1.0]}),
        ("image", {"batchnorm_momentum": 0.0}),
        ("image", {"label_smoothing": 1.0}),
        ("text", {"warmup_share": 1.1}),
        ("text", {"max_length": 8193}),
        ("text", {"vocabulary_size": 99}),
        ("text", {"cleaning": "stem"}),
        ("text", {"gradient_clip": 0}),
        ("text", {"dropout": float("nan")}),
        ("text", {"weights": "imagenet"}),
        ("text", {"checkpoint_every": True}),
        ("text", {"checkpoint_every": 0}),
        ("image", {"checkpoint_every": "60"}),
        ("image", {"checkpoint_every": "0s"}),
        ("image", {"ema_decay": 1.0}),
        ("text", {"layer_decay": 0.0}),
        ("text", {"precision": "int8"}),
    ],
)
def test_a_value_out_of_its_range_is_refused_by_name(modality: str, wrong: dict[str, Any]) -> None:
    """Unknown keys, wrong kinds, ranges and values that aren't finite: the error's place is the key's."""
    with pytest.raises(ValidationError) as caught:
        modality_of(modality).config_type.model_validate(wrong)
    assert {error["loc"][0] for error in caught.value.errors()} == set(wrong)


def test_each_hidden_layer_has_a_dropout() -> None:
    """Lists of unequal length are refused with both in the message; equal ones, even empty, are fine."""
    with pytest.raises(ValidationError, match=r"equal length.*\[64\].*\[0\.3, 0\.2\]"):
        ImageTrialConfig(head_widths=(64,))
    assert ImageTrialConfig(head_widths=(), head_dropouts=()).head_widths == ()


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_config_survives_json(modality: str) -> None:
    """What a checkpoint's meta holds is read back as the same value."""
    config = modality_of(modality).config_type()
    assert modality_of(modality).config_type.model_validate_json(config.model_dump_json()) == config


def test_a_config_doesnt_change() -> None:
    """Frozen: a trial's hyperparameters are one value."""
    with pytest.raises(ValidationError):
        TextTrialConfig().batch_size = 3  # type: ignore[misc]
