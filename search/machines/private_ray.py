"""What only this user may see of a Ray that this machine runs for a study: its folder, its token, and no secrets."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from trainables.data.locks import FileLock, try_lock

PREFIX = "binwise-ray-"
LONGEST = 16  # characters of the folder that the private one lies in: Ray adds 90, and a socket's path has 107
TOKEN, TOKEN_PATH, MODE = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"  # variables' names
FOLDER = "RAY_TMPDIR"
HANDED_ON = "BINWISE_HAND_ON"  # names of variables, with commas, that workers get although they look like secrets
LEFT_SECONDS = 3600.0
_LOCK = "in-use"
# What workers need themselves: Ray's own token, and the hub's for weights that aren't open to all.
_NEEDED = frozenset({TOKEN, TOKEN_PATH, MODE, "HF_TOKEN", "HF_TOKEN_PATH", "HUGGING_FACE_HUB_TOKEN"})
_CLOUDS = re.compile(r"(AWS|AZURE|ARM|GOOGLE|GCP|GCLOUD|CLOUDSDK|ALIBABA_CLOUD|OCI|DIGITALOCEAN)_")
_SECRETS = re.compile(
    r"(PASSW(OR)?D|(^|_)(SECRETS?|PASSPHRASE|PW|TOKENS?|CREDENTIALS?|APIKEY|CONNECTION_STRING|DSN"
    r"|(API|ACCESS|PRIVATE|SECRET|ACCOUNT|MASTER)_KEY))(_|$)"
)
_STORES = ("MLFLOW_TRACKING_USERNAME", "DATABASE_URL")


@contextmanager
def private_ray(environment: dict[str, str] | os._Environ[str] = os.environ) -> Iterator[None]:
    """Within the block a Ray that is started has a folder and a token of this user's alone; both go with its end.

    Ray's own folder is one for all users, whom it lets write there, and its token file in the home folder is open to
    be read. What is set by the user stays: a token, and with `RAY_TMPDIR` the place of the folder.
    """
    place = _place(environment)
    _remove_left(place)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))  # of this user alone
    lock = try_lock(folder / _LOCK)
    before = {name: environment.get(name) for name in (FOLDER, TOKEN_PATH)}
    environment[FOLDER] = str(folder)
    if not environment.keys() & {TOKEN, TOKEN_PATH}:
        environment[TOKEN_PATH] = str(_token_file(folder))
    try:
        yield
    finally:
        _restore(environment, before)
        _remove(folder, lock)


@contextmanager
def secrets_withheld(environment: dict[str, str] | os._Environ[str] = os.environ) -> Iterator[None]:
    """Within the block no secret is in the environment, for Ray's processes to inherit, log and keep."""
    handed_on = {name.strip() for name in environment.get(HANDED_ON, "").split(",")}
    held = {name: value for name, value in environment.items() if is_secret(name) and name not in handed_on}
    for name in held:
        del environment[name]
    try:
        yield
    finally:
        environment.update(held)


def is_secret(name: str) -> bool:
    """Whether an environment variable of that name is one that a trial has no use for, and others shouldn't see."""
    upper = name.upper()
    if upper in _NEEDED:
        return False
    return upper in _STORES or _CLOUDS.match(upper) is not None or _SECRETS.search(upper) is not None


def token_warning(address: str | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """What is to be said of a cluster that is used without a token; None where there is one, or no cluster."""
    if address is None:
        return None
    off = environment.get(MODE, "token").lower() != "token"
    if not off and (environment.get(TOKEN) or _is_file(token_path(environment))):
        return None
    return (
        f"Warning: the cluster at {address} is used without a token: whoever reaches its ports runs code there, as "
        f"you. Make one with `ray get-auth-token --generate` and {MODE}=token, for all of its machines; until then "
        "keep its ports inside a network that you trust."
    )


def token_path(environment: Mapping[str, str]) -> Path | None:
    """Where Ray looks for the token; None where there is no home folder."""
    if given := environment.get(TOKEN_PATH):
        return Path(given)
    try:
        return Path.home() / ".ray" / "auth_token"
    except RuntimeError:
        return None


def close_token(environment: Mapping[str, str] = os.environ) -> None:
    """Take others' right to read the token file, with which Ray writes it; nothing where it isn't this user's."""
    path = token_path(environment)
    with suppress(OSError):
        if path is not None and path.stat().st_mode & 0o077:
            path.chmod(0o600)


def _is_file(path: Path | None) -> bool:
    try:
        return path is not None and path.is_file()
    except OSError:
        return False


def _place(environment: Mapping[str, str]) -> Path | None:
    """The folder for the private one: the user's choice, where sockets' paths don't get too long in it."""
    for name in (FOLDER, "TMPDIR"):
        place = environment.get(name)
        if place and len(place) <= LONGEST and os.access(place, os.W_OK | os.X_OK):
            return Path(place)
    return Path("/tmp") if os.access("/tmp", os.W_OK | os.X_OK) else None  # noqa: S108  # a private folder within


def _token_file(folder: Path) -> Path:
    path = folder / "token"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, _token().encode())
    finally:
        os.close(descriptor)
    return path


@cache
def _token() -> str:
    # One for all Rays of a process: Ray reads it once, whatever its file says later.
    return secrets.token_hex(32)


def _restore(environment: dict[str, str] | os._Environ[str], before: Mapping[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value


def _remove_left(place: Path | None) -> None:
    """Folders of processes that were killed, and what Ray made anew while it ended."""
    for folder in (place or Path(tempfile.gettempdir())).glob(f"{PREFIX}*"):
        with suppress(OSError):
            status = folder.lstat()
            if status.st_uid != os.getuid() or folder.is_symlink():
                continue
            if (folder / _LOCK).is_file():
                lock = try_lock(folder / _LOCK)
                if lock is not None:
                    _remove(folder, lock)
            elif time.time() - status.st_mtime > LEFT_SECONDS:  # a younger one may be about to get its lock
                _remove(folder, None)


def _remove(folder: Path, lock: FileLock | None) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if lock is not None:
        lock.release()
