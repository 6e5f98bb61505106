"""The hyperparameters of one trial, typed and checked; their defaults are the published recipe.

These values stop at the border: `tune_adapter.py` parses a trial's raw dict into them once, `build.py` hands them on as
flat, named arguments, and the loops below import neither this module nor pydantic.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, model_validator

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Dropout = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, strict=True)]
Natural = Annotated[int, Field(ge=0, strict=True)]
Beta = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Schedule = Literal["plateau", "linear", "cosine", "one_cycle", "constant"]


def _cadence(value: object) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    if isinstance(value, str) and (value == "auto" or re.fullmatch(r"[1-9]\d*s", value)):
        return value
    raise ValueError(f"must be a number of epochs from 1 on, seconds such as 60s, or auto, but got {value!r}.")


# Between two saves of the state that a trial resumes from: epochs; seconds ("60s"), also within an epoch; or auto: as
# seconds, from what a save turns out to cost.
CheckpointEvery = Annotated[int | str, PlainValidator(_cadence)]


class TrialConfig(BaseModel):
    """What every modality's trial has."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    max_epochs: Count
    patience: Count  # epochs without a better val accuracy before the trial ends
    batch_size: Annotated[int, Field(ge=2, strict=True)]
    evaluation_batch_size: Count = 256
    label_smoothing: Dropout = 0.0
    class_weights: Literal["balanced", "none"]  # balanced: n / (k * n_c)

    # AdamW
    beta1: Beta = 0.9
    beta2: Beta = 0.999
    epsilon: Annotated[float, Field(gt=0, lt=1)] = 1e-8
    weight_decay_on: Literal["all", "matrices"] = "all"  # matrices: biases and norms don't decay
    gradient_clip: Annotated[float, Field(gt=0)] | None  # norm of all gradients; None: not clipped
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None  # val sees a moving average of the weights; None: not

    schedule: Schedule
    warmup_share: Share  # of all steps, for linear and cosine
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    plateau_patience: Natural = 5
    minimum_learning_rate: NotNegative  # of plateau

    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"  # auto: what the device is fast and safe with
    compile: bool = (
        False  # torch.compile: half a minute and more for the first trial of a process, the next ones reuse it
    )
    checkpoint_every: CheckpointEvery = "auto"


class ImageTrialConfig(TrialConfig):
    """An image trial. Defaults: MobileNetV3-Large as published for the garbage data."""

    max_epochs: Count = 50
    patience: Count = 15
    batch_size: Annotated[int, Field(ge=2, strict=True)] = 32
    class_weights: Literal["balanced", "none"] = "balanced"
    gradient_clip: Annotated[float, Field(gt=0)] | None = None
    schedule: Schedule = "plateau"
    warmup_share: Share = 0.0
    minimum_learning_rate: NotNegative = 1e-6

    backbone: str = "mobilenet_v3_large"  # a torchvision or timm classifier
    weights: str = "imagenet"  # imagenet | none | a local file
    size: Annotated[int, Field(ge=32, le=1024, strict=True)] = 224  # px, both sides
    fit: Literal["pad", "crop"] = "pad"  # keep the whole picture, or fill the square
    head_widths: tuple[Count, ...] = (512, 256)
    head_dropouts: tuple[Dropout, ...] = (0.3, 0.2)
    backbone_learning_rate: Rate = 1e-4
    head_learning_rate: Rate = 1e-3
    backbone_weight_decay: NotNegative = 0.0
    head_weight_decay: NotNegative = 1e-4
    batchnorm_momentum: Annotated[float, Field(gt=0, le=1)] | None = None  # None: the backbone's own
    augmentation_strength: Annotated[float, Field(ge=0, le=3)] = 1.0  # 0: none, 1: as published
    frozen_epochs: Natural = 0  # first epochs in which only the head learns

    @model_validator(mode="after")
    def _one_dropout_a_width(self) -> Self:
        if len(self.head_widths) != len(self.head_dropouts):
            raise ValueError(
                "`head_widths` and `head_dropouts` must be of equal length (a dropout follows each hidden layer), "
                f"but got (head_widths={list(self.head_widths)}, head_dropouts={list(self.head_dropouts)})."
            )
        return self


class TextTrialConfig(TrialConfig):
    """A text trial. Defaults: DistilBERT as published for the garbage data."""

    max_epochs: Count = 15
    patience: Count = 4
    batch_size: Annotated[int, Field(ge=2, strict=True)] = 64
    class_weights: Literal["balanced", "none"] = "none"
    gradient_clip: Annotated[float, Field(gt=0)] | None = 1.0
    schedule: Schedule = "linear"
    warmup_share: Share = 0.1
    minimum_learning_rate: NotNegative = 0.0

    backbone: str = "distilbert-base-uncased"  # a hub name or a local folder
    weights: Literal["pretrained", "none"] = "pretrained"
    # Sizes of a network that is built from its config (`weights: none`): changed keys of the backbone's own config.
    architecture: dict[str, int | float] = Field(default_factory=dict)
    vocabulary_size: Annotated[int, Field(ge=100, strict=True)] = 30522  # of the tokenizer trained for `weights: none`
    max_length: Annotated[int, Field(ge=4, le=8192, strict=True)] = 64  # tokens; the backbone has a limit of its own
    cleaning: Literal["raw", "words"] = "raw"  # words: separators to spaces, the counter dropped, case folded
    token_budget: Annotated[int, Field(ge=64, strict=True)] = 16384  # padded tokens at once; a larger batch is split
    learning_rate: Rate = 3e-5
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0  # each layer's rate by that of the one above it
    weight_decay: NotNegative = 0.01
    dropout: Dropout | None = None  # None: the backbone's own
    frozen_epochs: Natural = 0  # first epochs in which only the head learns
    layers_per_epoch: Count | None = None  # then so many layers more join in each epoch, from the top; None: all


CONFIG_OF: dict[str, type[TrialConfig]] = {"image": ImageTrialConfig, "text": TextTrialConfig}
