"""What MLflow runs of a registered model: a bundle behind MLflow's own interface. The model has a copy of this file.

It runs without Binwise: MLflow, numpy, onnxruntime, tokenizers, Pillow, and the runtime that lies with the model.
"""

from __future__ import annotations

import base64
import binascii
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

PICTURES = "pictures"  # a kind of items, as the runtime names them
LONGEST_PATH = 4096


class BundleModel(PythonModel):
    """A row a sample, a column a modality -> the class, what decided, the probability of each class."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the bundle's models."""
        from binwise_runtime import Predictor

        self._predictor = Predictor.load(context.artifacts["bundle"])

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None
    ) -> pd.DataFrame:
        """What the models say of each row. MlflowException, which a server answers with 400, where one can't be read.

        A picture is its file's bytes, these in base64, or its path where the model runs; what a sample lacks is None.
        """
        from binwise_runtime.errors import UserError

        with tempfile.TemporaryDirectory() as folder:
            try:
                rows = [
                    self._items(row, Path(folder, str(place)))
                    for place, row in enumerate(model_input.to_dict("records"))
                ]
                answers = self._answers(rows)
            except UserError as error:
                said = str(error).replace(f"{folder}/", "picture ")
                raise MlflowException.invalid_parameter_value(said) from error
        return pd.DataFrame(answers, index=model_input.index)

    def _items(self, row: Mapping[Any, Any], file: Path) -> dict[str, Any]:
        """What a row has, by modality; a picture's bytes are written to the file."""
        given = {name: row[name] for name in self._predictor.kinds if _is_there(row.get(name))}
        return {
            name: _picture(one, file) if self._predictor.kinds[name] == PICTURES else one for name, one in given.items()
        }

    def _answers(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """In the rows' order; those that have the same modalities are asked together."""
        alike: dict[tuple[str, ...], list[int]] = {}
        for place, row in enumerate(rows):
            alike.setdefault(tuple(row), []).append(place)
        found: dict[int, dict[str, Any]] = {}
        for names, places in alike.items():
            said = self._predictor.answers({name: [rows[one][name] for one in places] for name in names}, "probs", None)
            for at, place in enumerate(places):
                shares = said.probs[said.decided_by][at].tolist()
                found[place] = {
                    "predicted": said.predicted[at],
                    "decided_by": said.decided_by,
                    "probabilities": dict(zip(said.classes, shares, strict=True)),
                }
        return [found[place] for place in range(len(rows))]


def _is_there(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else not pd.isna(value)


def _picture(given: Any, file: Path) -> Path:
    if isinstance(given, str):
        if len(given) < LONGEST_PATH and Path(given).is_file():
            return Path(given)
        try:
            given = base64.b64decode(given.rpartition("base64,")[2], validate=True)
        except (binascii.Error, ValueError) as error:
            raise MlflowException.invalid_parameter_value(
                f"A picture must be a file's bytes, these in base64, or a path, but {given[:80]!r} is none: {error}."
            ) from error
    file.write_bytes(given)
    return file


set_model(BundleModel())
