"""Ray: quiet, without telemetry; a cluster that runs already, or one on this machine that ends with the study."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import ParamSpec, TypeVar

import ray

from search.machines.private_ray import close_token, private_ray, secrets_withheld
from search.machines.shares import Node
from search.machines.signals import first_signal, handlers_stay
from trainables.errors import UserError

P = ParamSpec("P")
T = TypeVar("T")
WAIT_SECONDS = 1200  # for room on the cluster, and for weights that are fetched


@contextmanager
def ray_cluster(address: str | None) -> Iterator[None]:
    """A Ray to run trials on: the running cluster at `address`, or one on this machine that ends with the block."""
    if address is not None:
        close_token()
    with private_ray() if address is None else nullcontext():
        try:
            start_ray(address)
            yield
        finally:
            # Also of one whose start was broken off: whatever still runs makes its folder anew.
            ray.shutdown(wait_for_processes=address is None)


def start_ray(address: str | None) -> None:
    """Connect to the cluster, or start one here. UserError where it can't be reached."""
    try:
        with _signals_wait(), secrets_withheld():
            ray.init(
                address=address,
                include_dashboard=None if address else False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                configure_logging=True,
            )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UserError(
            f"cluster.address must be a running Ray cluster, but {address!r} can't be reached ({error}): start one "
            f"with `ray start --head`, or leave it out to use this machine."
        ) from error
    for name in ("ray", "ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def _signals_wait() -> Iterator[None]:
    """SIGINT and SIGTERM wait for the block's end: they crash a Ray that starts. A second one doesn't wait.

    Ray's own handler for SIGTERM is kept out: what it raises is swallowed where Ray happens to be in a callback, and
    the signal is lost. Its core's handler, below Python's, is left out by `environment`.
    """
    received: list[int] = []
    with first_signal(received.append), handlers_stay(signal.SIGTERM):
        yield
    for number in received[:1]:
        signal.raise_signal(number)


def restart_ray(address: str | None) -> None:
    """After Ray itself has died."""
    ray.shutdown()
    start_ray(address)


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
