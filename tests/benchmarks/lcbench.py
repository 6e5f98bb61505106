"""Learning curves of small networks on 34 OpenML data sets: LCBench's surrogate, over onnxruntime.

The model (2 MB, Apache 2.0) comes from https://github.com/slds-lmu/yahpo_data (Pfisterer et al. 2022) and was fitted to
LCBench (Zimmer et al. 2021). It isn't part of this repository: BINWISE_LCBENCH names its folder, by default
`../shared/data/lcbench` beside the repository.
"""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from simulated import Config, Curve

from search.space.dimensions import FloatRange, IntRange, Space

VARIABLE = "BINWISE_LCBENCH"
REPOSITORY = Path(__file__).parents[2]
FILES = ("model.onnx", "encoding.json", "config_space.json")
INSTALL = (
    "Install the extra `bench`: `uv pip install --python .venv/bin/python -e '.[bench]'`, or without uv "
    "`.venv/bin/python -m pip install -e '.[bench]'`."
)
EPOCHS = 52
SPACE: Space = {
    "batch_size": IntRange(low=16, high=512, log=True),
    "learning_rate": FloatRange(low=1e-4, high=1e-1, log=True),
    "momentum": FloatRange(low=0.1, high=0.99),
    "weight_decay": FloatRange(low=1e-5, high=1e-1),
    "num_layers": IntRange(low=1, high=5),
    "max_units": IntRange(low=64, high=1024, log=True),
    "max_dropout": FloatRange(low=0.0, high=1.0),
}


def folder() -> Path:
    """Where the surrogate is looked for."""
    return Path(os.environ.get(VARIABLE) or REPOSITORY.parent / "shared" / "data" / "lcbench")


def missing() -> str | None:
    """What to do where the surrogate can't be had; None where it can."""
    absent = [name for name in FILES if not (folder() / name).is_file()]
    if absent:
        return (
            f"Not run: {folder()} lacks {', '.join(absent)}. Take the folder `lcbench` of "
            f"https://github.com/slds-lmu/yahpo_data and let {VARIABLE} name it."
        )
    if find_spec("onnxruntime") is None:
        return f"Not run: onnxruntime isn't installed. {INSTALL}"
    return None


class Surrogate:
    """Deterministic curves of val accuracy and time, one thread."""

    def __init__(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(folder() / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._codes: dict[str, int] = json.loads((folder() / "encoding.json").read_text("utf-8"))["OpenML_task_id"]
        self._epochs = np.arange(1, EPOCHS + 1, dtype=np.float32)

    def tasks(self) -> list[str]:
        """The data sets' ids."""
        described = json.loads((folder() / "config_space.json").read_text("utf-8"))["hyperparameters"]
        return list(next(one["choices"] for one in described if one["name"] == "OpenML_task_id"))

    def curve(self, task: str, config: Config) -> Curve:
        """A configuration's val accuracies in percent and its seconds since its start, (52,) each."""
        given = np.empty((EPOCHS, 1 + len(SPACE)), dtype=np.float32)
        given[:, 0] = self._epochs
        given[:, 1:] = [config[key] for key in SPACE]
        codes = np.full((EPOCHS, 1), self._codes[task], dtype=np.int32)
        found: NDArray[np.float32] = self._session.run(None, {"x_cat": codes, "x_cont": given})[0]
        # A fitted time may go back by a little; an epoch can't.
        seconds = np.maximum.accumulate(np.maximum(found[:, 0].astype(float), 1e-3))
        return Curve(found[:, 1].astype(float), seconds)
