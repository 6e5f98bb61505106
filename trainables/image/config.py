"""The hyperparameters of an image trial."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from trainables.config import Count, Dropout, HeadConfig, Natural, NotNegative, Rate, Schedule, Share, TrialConfig
from trainables.names import NONE


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

    backbone: str = "mobilenet_v3_large"  # of torchvision or timm, or a folder or hub's name of transformers
    weights: str = "imagenet"  # imagenet | none | a local file, or a folder with one for each backbone
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
    frozen_stages: Natural = 0  # so many of the backbone's stages, and its stem, stay as they are; 0: all of it learns
    augmented_copies: Annotated[int, Field(ge=1, le=64, strict=True)] = 4  # of each picture, where stages are frozen

    @model_validator(mode="after")
    def _one_dropout_a_width(self) -> Self:
        if len(self.head_widths) != len(self.head_dropouts):
            raise ValueError(
                "`head_widths` and `head_dropouts` must be of equal length (a dropout follows each hidden layer), "
                f"but got (head_widths={list(self.head_widths)}, head_dropouts={list(self.head_dropouts)})."
            )
        return self

    @model_validator(mode="after")
    def _frozen_with_weights(self) -> Self:
        if self.frozen_stages and self.weights == NONE:
            raise ValueError(
                f"`frozen_stages` must be 0 for a backbone of random weights, but got {self.frozen_stages} with "
                "`weights: none`: set `weights`, or `frozen_stages: 0`."
            )
        return self


class ImageHeadConfig(HeadConfig):
    """A head on the pooled features of frozen image networks; of several, its kernels are averaged."""

    backbone: str
    others: tuple[str, ...] = ()  # further networks, whose features stand beside the first one's
    weights: str = "imagenet"
    size: Annotated[int, Field(ge=32, le=1024, strict=True)] = 224
    fit: Literal["pad", "crop"] = "pad"
