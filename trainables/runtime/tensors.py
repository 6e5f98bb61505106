"""Files of safetensors as numpy arrays: their layout is a length, a JSON header and bytes.

https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import UserError

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}
MOST_HEADER = 100_000_000  # bytes, the format's own limit


def read_tensors(file: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a file by name. UserError where it is damaged, or has numbers of a type that numpy lacks."""
    content = file.read_bytes()
    try:
        length = int.from_bytes(content[:8], "little")
        if not 0 < length <= min(MOST_HEADER, len(content) - 8):
            raise ValueError("its header is cut off")
        header = json.loads(content[8 : 8 + length])
        body = memoryview(content)[8 + length :]
        return {name: _tensor(about, body) for name, about in header.items() if name != "__metadata__"}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{file} must be a file of safetensors, but it is damaged: {error}. Export it again."
        ) from error


def _tensor(about: Any, body: memoryview) -> NDArray[Any]:
    start, end = about["data_offsets"]
    kind, shape = np.dtype(_TYPES[about["dtype"]]), tuple(about["shape"])
    if not 0 <= start <= end <= len(body) or end - start != kind.itemsize * math.prod(shape):
        raise ValueError("a tensor lies outside of the file")
    return np.frombuffer(body[start:end], dtype=kind).reshape(shape)
