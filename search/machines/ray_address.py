"""Which Ray a study runs on: one of its own, whatever else runs here, unless its config names a cluster."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from search.machines.private_ray import token_warning
from trainables.errors import UserError

AUTO, LOCAL = "auto", "local"  # Ray's own words: the cluster that it finds here, or none
VARIABLE = "RAY_ADDRESS"
# In a process of its own: Ray's client repeats for minutes where nothing answers, and then ends its process.
_ASK = "import sys; from ray._raylet import GcsClient; GcsClient(address=sys.argv[1]).get_all_node_info(timeout=10)"


def is_own(address: str | None) -> bool:
    """Whether the study starts a Ray for itself."""
    return address in (None, LOCAL)


def cluster_lines(address: str | None, environment: Mapping[str, str] = os.environ) -> list[str]:
    """What is to be said of the cluster: that it has no token, or that the environment names one that isn't used."""
    if not is_own(address):
        return [*filter(None, [token_warning(address, environment)])]
    if named := environment.get(VARIABLE):
        return [
            f"Ray: one of this study's own, though {VARIABLE} names {named}; to join that, set cluster.address: {AUTO}."
        ]
    return []


def reached(address: str, seconds: float) -> str:
    """The address of a cluster that answers within so many seconds. UserError, with what was found there, else."""
    found = _found(address) if address == AUTO else address
    host, port = _parts(found)
    try:
        with socket.create_connection((host, port), min(seconds, 10.0)):
            pass
    except OSError as error:
        raise refused(found, f"nothing answers there ({error.strerror or error})") from error
    try:
        asked = subprocess.run(  # our own interpreter  # noqa: S603
            [sys.executable, "-P", "-c", _ASK, found], capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise refused(found, f"what listens there doesn't answer as a Ray cluster within {seconds:g} s") from error
    if asked.returncode:
        lines = [line for line in asked.stderr.splitlines() if line.strip()]
        raise refused(found, lines[-1].strip() if lines else f"its client ended with code {asked.returncode}")
    return found


def _found(address: str) -> str:
    """The cluster that Ray finds by itself: of the environment, or the latest that was started here."""
    from ray._private.services import get_ray_address_from_environment

    with suppress(ConnectionError):
        return str(get_ray_address_from_environment(address, None))
    raise refused(address, f"no cluster runs here, and {VARIABLE} isn't set")


def _parts(address: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{address}")
        if parts.hostname and parts.port:
            return parts.hostname, parts.port
    except ValueError:
        pass
    raise refused(address, "it is no host:port")


def refused(address: str, why: object) -> UserError:
    """The one error for a cluster that can't be joined, with the choices that there are."""
    return UserError(
        f"cluster.address must be a running Ray cluster, but {address!r} can't be joined: {why}. Start one with "
        "`ray start --head`, name another, or leave it out to use this machine."
    )
