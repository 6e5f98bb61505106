"""The hyperparameters of one trial, typed and checked; their defaults are the published recipe.

These values stop at the border: `build.py` parses a trial's raw dict into them once, a modality hands them on as flat,
named arguments, and the loops of `learning/` import neither this module nor pydantic.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from trainables.names import HeadFamily

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


# Hyperparameters of every modality that are the study's to set and no trial's to vary, with the reason.
NOT_SEARCHED = {
    "max_epochs": "trials are compared at the same budget",
    "patience": "trials are compared at the same budget",
    "checkpoint_every": "it changes what is saved, not what is learned",
    "precision": "the device decides which one is fast and safe",
    "compile": "it changes how a step is computed, not what is learned",
}
# Those that change nothing of what is learned or of how trials compare: a study may go on with other values.
FREE_ON_RESUME = frozenset({"precision", "compile", "checkpoint_every"})


class ParsedConfig(BaseModel):
    """A trial's typed value."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def parsed(cls, values: Mapping[str, Any]) -> Self:
        """The typed value of a trial's raw dict, parsed strictly: "3" and true are no numbers.

        Raises pydantic's ValidationError with every fault.
        """
        # In JSON mode a strict parse still takes a list for a tuple.
        return cls.model_validate_json(json.dumps(dict(values)), strict=True)


class HeadConfig(ParsedConfig):
    """What every modality's head trial has: a head that is fitted to frozen features, in one epoch."""

    head: HeadFamily
    evaluation_batch_size: Count = 64  # samples that a frozen network takes at a time
    max_epochs: Annotated[int, Field(ge=1, le=1, strict=True)] = 1
    patience: Count = 1
    checkpoint_every: CheckpointEvery = "auto"


class TrialConfig(ParsedConfig):
    """What every modality's trial has."""

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
