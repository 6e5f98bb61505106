"""The hyperparameters of a text trial."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from trainables.config import Count, Dropout, HeadConfig, Natural, NotNegative, Rate, Schedule, Share, TrialConfig


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
    # words: separators to spaces, the counter dropped, case folded. Where a study leaves it open and that counter tells
    # the class, it begins with words.
    cleaning: Literal["raw", "words"] = "raw"
    token_budget: Annotated[int, Field(ge=64, strict=True)] = 16384  # padded tokens at once; a larger batch is split
    learning_rate: Rate = 3e-5
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0  # each layer's rate by that of the one above it
    weight_decay: NotNegative = 0.01
    dropout: Dropout | None = None  # None: the backbone's own
    frozen_epochs: Natural = 0  # first epochs in which only the head learns
    layers_per_epoch: Count | None = None  # then so many layers more join in each epoch, from the top; None: all


class TextHeadConfig(HeadConfig):
    """A head on character n-grams and on the pooled features of a frozen encoder."""

    backbone: str | None  # None: n-grams alone
    cleaning: Literal["raw", "words"] = "raw"
    max_length: Annotated[int, Field(ge=4, le=8192, strict=True)] = 64
    token_budget: Annotated[int, Field(ge=64, strict=True)] = 16384
