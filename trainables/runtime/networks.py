"""Networks as ONNX graphs, run by onnxruntime; texts as the token ids that such a network takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import UserError
from .texts import clean

TOKENS = 4096  # padded tokens at a time
ROWS = 16  # texts at a time: more take memory and no less time


class Network:
    """A graph: arrays in, (N, D) float32 out."""

    def __init__(self, file: Path, threads: int = 0) -> None:
        """`threads`: 0 lets onnxruntime take all cores. UserError where the graph can't be read."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # who waits for a sample burns no core
        try:
            self._session = onnxruntime.InferenceSession(
                str(file), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors have no common class
            raise UserError(f"{file} must be a network that onnxruntime reads, but: {str(error)[:300]}") from error
        self._inputs = [one.name for one in self._session.get_inputs()]

    def __call__(self, *arrays: NDArray[Any]) -> NDArray[np.float32]:
        """The graph's only output, of arrays in the order of its inputs."""
        found: NDArray[np.float32] = self._session.run(None, dict(zip(self._inputs, arrays, strict=True)))[0]
        return found


class Tokens:
    """A tokenizer with what is done before and after it."""

    def __init__(self, file: Path, *, cleaning: str, max_length: int, pad_id: int) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(file))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length)
        self._cleaning, self._pad_id = cleaning, pad_id

    def ids(self, captions: Sequence[str]) -> list[list[int]]:
        """Token ids of each caption, the special tokens included; at least one token each."""
        encoded = self._tokenizer.encode_batch([clean(caption, self._cleaning) for caption in captions])
        # A tokenizer without special tokens may find nothing that it knows in a text.
        return [one.ids or [self._pad_id] for one in encoded]

    def padded(self, ids: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids and mask, both (N, L): L is the longest of these."""
        lengths = np.array([len(one) for one in ids])
        mask = np.arange(lengths.max()) < lengths[:, None]
        found = np.full(mask.shape, self._pad_id, dtype=np.int64)
        found[mask] = np.concatenate([np.asarray(one, dtype=np.int64) for one in ids])
        return found, mask.astype(np.int64)

    def through(self, network: Network, captions: Sequence[str]) -> NDArray[np.float32]:
        """(M, D) what a network makes of captions, in their order; few tokens at a time, those alike in length."""
        ids = self.ids(captions)
        parts = [(rows, network(*self.padded([ids[row] for row in rows]))) for rows in _by_length(ids)]
        found = np.empty((len(ids), parts[0][1].shape[1]), dtype=np.float32)
        for rows, part in parts:
            found[rows] = part
        return found


def _by_length(ids: Sequence[Sequence[int]]) -> Iterator[NDArray[np.int64]]:
    """Rows by batch, the longest first; a batch has at most ROWS rows and TOKENS padded tokens, or a single row."""
    lengths = np.array([len(one) for one in ids])
    order, start = np.argsort(-lengths, kind="stable"), 0
    while start < len(order):
        count = max(1, min(ROWS, TOKENS // int(lengths[order[start]])))
        yield order[start : start + count]
        start += count
