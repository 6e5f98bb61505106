"""Ray: quiet, without telemetry; a cluster that runs already, or one on this machine that ends with the study."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from search.machines.shares import Node
from search.machines.signals import first_signal
from trainables.errors import UserError


@contextmanager
def ray_cluster(address: str | None) -> Iterator[None]:
    """A Ray to run trials on: the running cluster at `address`, or one on this machine that ends with the block."""
    start_ray(address)
    try:
        yield
    finally:
        ray.shutdown()


def start_ray(address: str | None) -> None:
    """Connect to the cluster, or start one here. UserError where it can't be reached."""
    try:
        with _signals_wait():
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

    Afterwards the handlers are those from before: Ray leaves its own for SIGTERM, in Python and below it.
    """
    received: list[int] = []
    with first_signal(received.append):
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
