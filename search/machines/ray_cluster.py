"""Ray: quiet, without telemetry; a cluster that runs already, or one on this machine that ends with the study."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, ParamSpec, TypeVar

import ray
from ray._private import services

from search.machines.private_ray import close_token, private_ray, secrets_withheld
from search.machines.ray_address import LOCAL, is_own, reached, refused
from search.machines.shares import Node
from search.machines.signals import first_signal, handlers_stay
from search.study.config import ClusterSection
from trainables.errors import UserError

P = ParamSpec("P")
T = TypeVar("T")
Say = Callable[[str], None]
STARTS = 3
WAIT_SECONDS = 1200  # for room on the cluster, and for weights that are fetched


@contextmanager
def ray_cluster(cluster: ClusterSection, say: Say = lambda line: None) -> Iterator[None]:
    """A Ray to run trials on: the running cluster at the address, or one on this machine that ends with the block.

    `say`: takes a line where its start takes long. UserError where it can't be had.
    """
    own = is_own(cluster.address)
    if not own:
        close_token()
    with private_ray() if own else nullcontext():
        try:
            start_ray(cluster, say)
            yield
        finally:
            # Also of one whose start was broken off: whatever still runs makes its folder anew.
            ray.shutdown(wait_for_processes=own)


def start_ray(cluster: ClusterSection, say: Say = lambda line: None, tries: int = STARTS) -> None:
    """Connect to the cluster, or start one here. UserError where it can't be had."""
    if is_own(cluster.address):
        _start_own(say, tries)
    else:
        _join(reached(str(cluster.address), cluster.connect_timeout))
    for name in ("ray", "ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _join(address: str) -> None:
    try:
        _init(address)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise refused(address, error) from error


def _start_own(say: Say, tries: int) -> None:
    """Ray gives each start half a minute, which a busy machine may not keep to."""
    for number in range(1, tries + 1):
        try:
            with own_session() as started:
                _init(LOCAL)
            return
        except Exception as error:  # of many kinds, among them a bare one
            ray.shutdown()
            _end(started)
            why = (str(error).strip().splitlines() or [type(error).__name__])[0]
            if number == tries:
                raise UserError(
                    f"Ray must start on this machine, but it didn't, {tries} times ({why}) Where the machine is busy, "
                    "wait until it is less so; else see that it has some memory and disk left, and open files and "
                    "processes (`ulimit -a`)."
                ) from error
            say(f"Ray didn't start ({why}); trying again, {number + 1} of {tries}")


def _init(address: str) -> None:
    with _signals_wait(), secrets_withheld():
        ray.init(
            address=address,
            include_dashboard=False if address == LOCAL else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=True,
        )


@contextmanager
def own_session() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Within the block Ray's processes are started outside of this one's group, and end with it all the same.

    A batch system signals a whole group, and Ctrl-C does: Ray's would end at once, before trials have saved. Yields
    those that were started.
    """
    started: list[subprocess.Popen[bytes]] = []

    class Apart(services.ConsolePopen):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "start_new_session": True})
            started.append(self)

    before, services.ConsolePopen = services.ConsolePopen, Apart
    try:
        yield started
    finally:
        services.ConsolePopen = before


def _end(started: Sequence[subprocess.Popen[bytes]]) -> None:
    """What a failed start has left, each process with its own."""
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def _signals_wait() -> Iterator[None]:
    """Signals that ask for an end wait for the block's: they crash a Ray that starts. A second one doesn't wait.

    Ray's own handler for SIGTERM is kept out: what it raises is swallowed where Ray happens to be in a callback, and
    the signal is lost. Its core's handler, below Python's, is left out by `environment`.
    """
    received: list[int] = []
    with first_signal(received.append), handlers_stay(signal.SIGTERM):
        yield
    for number in received[:1]:
        signal.raise_signal(number)


def restart_ray(cluster: ClusterSection) -> None:
    """After Ray itself has died, on a full disk perhaps: one try."""
    ray.shutdown()
    start_ray(cluster, tries=1)


def cluster_nodes() -> list[Node]:
    """The cluster's machines that are alive."""
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(resources.get("CPU", 0.0), resources.get("GPU", 0.0)) for resources in alive]


def on_worker(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
    """Begin to run a function on a Ray that is up, on one CPU; what waits for its value.

    What is returned raises UserError where the cluster has no room, or the process ends. On a cluster with GPUs the
    process isn't used again: one that began without a GPU is none for trials that have one.
    """
    gpus = any(node["Resources"].get("GPU") for node in ray.nodes())
    task = ray.remote(num_cpus=1, max_calls=int(gpus), max_retries=0)(function)
    begun = task.remote(*args, **kwargs)

    def wait() -> T:
        try:
            found: T = ray.get(begun, timeout=WAIT_SECONDS)
        except ray.exceptions.GetTimeoutError as error:
            raise UserError(
                f"The cluster must have room for a trial, but its networks weren't built in {WAIT_SECONDS} s: see with "
                "`ray status` whether others use it."
            ) from error
        except ray.exceptions.WorkerCrashedError as error:
            raise UserError(
                "The networks of a study's trials must fit the machine's memory, but the process that built them ended "
                "(WorkerCrashedError): search smaller backbones, or free some memory."
            ) from error
        return found

    return wait
