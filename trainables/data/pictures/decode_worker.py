"""What a worker process of `decoders` runs: one JSON request a line on stdin, one JSON answer a line on stdout.

It ends when stdin ends, so that no worker outlives the process that began it, however that one ended.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin

from trainables.data.pictures.blocks import Block, BlockResult, decode, make_block
from trainables.data.pictures.facts import PictureFacts, facts_from_json
from trainables.data.pictures.look import look_at

MAKE_BLOCK = "make_block"
DECODE = "decode"
LOOK = "look"


def main() -> None:
    """Answer until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the process above ends this one
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # there are as many workers as CPUs
    answers = sys.stdout.buffer
    sys.stdout = sys.stderr  # no library's words among the answers
    for line in sys.stdin.buffer:
        try:
            _answer(json.loads(line), answers)
        except BrokenPipeError:
            return


def _answer(request: Mapping[str, Any], answers: BinaryIO) -> None:
    pictures: NDArray[np.uint8] | None = None
    try:
        if request["task"] == MAKE_BLOCK:
            answer: dict[str, Any] = asdict(make_block(_block(request["arguments"])))
        elif request["task"] == LOOK:
            answer = {"facts": [facts.as_json() for facts in _looked(**request["arguments"])]}
        else:
            pictures, faults = decode(**request["arguments"])
            answer = {"faults": faults}
    except OSError as error:
        answer = {"error": [error.errno, error.strerror, error.filename]}
    answers.write(json.dumps(answer).encode() + b"\n")
    if pictures is not None:
        answers.write(pictures.reshape(-1).data)
    answers.flush()


def _block(raw: Mapping[str, Any]) -> Block:
    return Block(**{**raw, "paths": tuple(raw["paths"]), "states": tuple((size, at) for size, at in raw["states"])})


def _looked(paths: Sequence[str], pixel_limit: int) -> list[PictureFacts]:
    return [look_at(Path(path), pixel_limit) for path in paths]


def looked(answer: Mapping[str, Any]) -> list[PictureFacts]:
    """The answer to LOOK."""
    return [facts_from_json(raw) for raw in answer["facts"]]


def block_result(answer: Mapping[str, Any]) -> BlockResult:
    """The answer to MAKE_BLOCK. OSError where the worker had one."""
    if "error" in answer:
        raise OSError(*answer["error"])
    return BlockResult(**answer)


if __name__ == "__main__":
    main()
