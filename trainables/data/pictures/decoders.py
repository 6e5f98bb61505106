"""Worker processes that decode pictures, spoken to in JSON over pipes."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from trainables.data.pictures.blocks import Block, BlockResult
from trainables.data.pictures.decode_worker import DECODE, LOOK, MAKE_BLOCK, block_result, looked
from trainables.data.pictures.facts import PictureFacts
from trainables.data.pictures.load import Fit
from trainables.errors import UserError
from trainables.processes import Process, begin_module

PICTURES_A_WORKER: Final = 256  # fewer than these aren't worth another process's start
STOP_SECONDS: Final = 5.0


def usable_cpus() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def useful_workers(pictures: int, at_most: int) -> int:
    """How many workers that many pictures keep busy, at least one."""
    return max(1, min(at_most, -(-pictures // PICTURES_A_WORKER)))


class Decoders:
    """Up to `workers` processes, begun when they are needed and kept until `close`.

    They end as well where this object or this whole process is gone.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="decoder")
        self._idle = _Idle()
        self._finalizer = weakref.finalize(self, _stop, self._threads, self._idle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; what isn't begun is dropped."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._finalizer()

    def make_blocks(self, blocks: Iterable[Block]) -> Iterator[BlockResult]:
        """Make blocks of a cache, each result as it comes. OSError where the disk fails, UserError for a dead worker.

        Closing the generator drops what isn't begun.
        """
        futures = [self._ask(MAKE_BLOCK, asdict(block), None) for block in blocks]
        try:
            for future in as_completed(futures):
                yield block_result(future.result())
        finally:
            for future in futures:
                future.cancel()

    def decode(
        self, paths: Sequence[str], size: int, fit: Fit, pixel_limit: int, target: NDArray[np.uint8]
    ) -> Future[Mapping[str, Any]]:
        """Begin to decode pictures into `target` (N, size, size, 3); the answer holds the `faults`."""
        arguments = {"paths": list(paths), "size": size, "fit": fit, "pixel_limit": pixel_limit}
        return self._ask(DECODE, arguments, target)

    def look(self, paths: Sequence[Path], pixel_limit: int) -> Future[list[PictureFacts]]:
        """Begin to look at pictures (`look.look_at`): facts in the order of `paths`. UserError for a dead worker."""
        request = {"task": LOOK, "arguments": {"paths": list(map(str, paths)), "pixel_limit": pixel_limit}}
        return self._threads.submit(_look, self._idle, request)

    def _ask(
        self, task: str, arguments: Mapping[str, Any], target: NDArray[np.uint8] | None
    ) -> Future[Mapping[str, Any]]:
        return self._threads.submit(_converse, self._idle, {"task": task, "arguments": arguments}, target)


class _Idle:
    """The processes that wait for a request."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Process] = queue.SimpleQueue()
        self._closed = threading.Event()

    def take(self) -> Process:
        """One of them, or a new one."""
        with contextlib.suppress(queue.Empty):
            return self._waiting.get_nowait()
        return begin_module("trainables.data.pictures.decode_worker")

    def give_back(self, process: Process) -> None:
        """A worker that has answered is free for the next pictures."""
        self._waiting.put(process)
        if self._closed.is_set():
            self.stop()

    def stop(self) -> None:
        """End those that wait, and each that is given back from now on."""
        self._closed.set()
        with contextlib.suppress(queue.Empty):
            while True:
                _end(self._waiting.get_nowait())


def _stop(threads: ThreadPoolExecutor, idle: _Idle) -> None:
    threads.shutdown(wait=False, cancel_futures=True)  # perhaps called by the garbage collector in one of the threads
    idle.stop()


def _end(process: Process) -> None:
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018  # both are pipes
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    process.stdout.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _converse(idle: _Idle, request: Mapping[str, Any], target: NDArray[np.uint8] | None) -> Mapping[str, Any]:
    """Send one request, and take the answer and perhaps the pictures behind it. UserError where the worker died."""
    process = idle.take()
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018  # both are pipes
    try:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        answer: dict[str, Any] = json.loads(process.stdout.readline())
        if target is not None and "error" not in answer:
            rest = target.reshape(-1).data
            while rest:
                rest = rest[_read_some(process, rest) :]
    except (BrokenPipeError, EOFError, json.JSONDecodeError) as error:
        _end(process)
        raise UserError(
            f"The processes that decode pictures must be left to run, but one ended with code {process.returncode} "
            "(killed, perhaps for lack of memory). Run it again, with more memory or fewer CPUs."
        ) from error
    except BaseException:
        process.kill()
        _end(process)
        raise
    idle.give_back(process)
    return answer


def _look(idle: _Idle, request: Mapping[str, Any]) -> list[PictureFacts]:
    return looked(_converse(idle, request, None))


def _read_some(process: Process, target: memoryview) -> int:
    assert process.stdout is not None  # noqa: S101  # it is a pipe
    count = process.stdout.readinto(target)  # type: ignore[attr-defined]
    if not count:
        raise EOFError
    return int(count)
