"""What others may see of a Ray that runs for a study: not its folder, not its token, no secret of the environment."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from search.machines.private_ray import (
    FOLDER,
    HANDED_ON,
    LONGEST,
    PREFIX,
    TOKEN,
    TOKEN_PATH,
    close_token,
    is_secret,
    private_ray,
    secrets_withheld,
    token_warning,
)
from trainables.data.locks import try_lock

SHM = "/dev/shm"  # noqa: S108  # a place of a short name


def mode(path: str | Path) -> int:
    """Its permissions."""
    return stat.S_IMODE(Path(path).stat().st_mode)


def test_folder_and_token_are_the_user_s_alone_and_go() -> None:
    """Whatever the umask: with two secret words that differ from nobody's, and an environment as it was."""
    environment = {"HOME": "/nowhere"}
    with private_ray(environment):
        folder, token = environment[FOLDER], environment[TOKEN_PATH]
        assert (mode(folder), mode(token)) == (0o700, 0o600)
        assert len(Path(token).read_text()) == 64
        assert len(folder) <= LONGEST + len(PREFIX) + 9
        Path(folder, "ray", "session", "logs").mkdir(parents=True)
    assert not Path(folder).exists()
    assert environment == {"HOME": "/nowhere"}


def test_the_user_s_token_and_place_stay(tmp_path: Path) -> None:
    """A place whose sockets would have too long a path gives way to one where Ray starts."""
    environment = {TOKEN: "mine", FOLDER: SHM}
    with private_ray(environment):
        assert environment[FOLDER].startswith(f"{SHM}/{PREFIX}")
        assert TOKEN_PATH not in environment
    assert environment == {TOKEN: "mine", FOLDER: SHM}
    environment = {"TMPDIR": str(tmp_path / ("long" * 30))}
    with private_ray(environment):
        assert environment[FOLDER].startswith(f"/tmp/{PREFIX}")  # noqa: S108


def test_what_a_killed_process_left_goes_with_the_next_start() -> None:
    """One in use stays, and a fresh one that has no lock yet; what Ray made anew after its end goes later."""
    anew, fresh = Path(SHM, f"{PREFIX}anew{os.getpid()}"), Path(SHM, f"{PREFIX}fresh{os.getpid()}")
    for folder in (anew, fresh):
        (folder / "ray").mkdir(parents=True)
    os.utime(anew, (0, 0))
    left, used = Path(SHM, f"{PREFIX}left{os.getpid()}"), Path(SHM, f"{PREFIX}used{os.getpid()}")
    for folder in (left, used):
        folder.mkdir(mode=0o700)
        (folder / "in-use").touch()
    lock = try_lock(used / "in-use")
    try:
        with private_ray({FOLDER: SHM}):
            assert (left.exists(), used.exists()) == (False, True)
            assert (anew.exists(), fresh.exists()) == (False, True)
    finally:
        assert lock is not None
        lock.release()
        with private_ray({FOLDER: SHM}):
            assert not used.exists()
        shutil.rmtree(fresh)


@pytest.mark.parametrize(
    "name",
    [
        *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AZURE_CLIENT_SECRET", "ARM_CLIENT_ID"),
        *("GOOGLE_APPLICATION_CREDENTIALS", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_USERNAME", "DATABASE_URL"),
        *("WANDB_API_KEY", "GITHUB_TOKEN", "PGPASSWORD", "db_password", "SECRET", "SENTRY_DSN", "RESTIC_PASSWORD"),
    ],
)
def test_secrets_are_known_by_their_names(name: str) -> None:
    """Of clouds, stores and services, in any case."""
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "HOME", "TMPDIR", "CUDA_VISIBLE_DEVICES", "RAY_TMPDIR", "HF_HOME", "HF_TOKEN", "RAY_AUTH_TOKEN_PATH"),
        *("OMP_NUM_THREADS", "MLFLOW_TRACKING_URI", "TOKENIZERS_PARALLELISM", "KEYBOARD", "SSL_CERT_FILE", "PWD"),
    ],
)
def test_what_workers_need_is_no_secret(name: str) -> None:
    """Nor is what only sounds like one."""
    assert not is_secret(name)


def test_secrets_are_back_after_the_start() -> None:
    """Within the block nothing can inherit them, but those that the user hands on by name."""
    environment = {"AWS_SECRET_ACCESS_KEY": "k", "MY_API_KEY": "m", "PATH": "/bin", HANDED_ON: "MY_API_KEY, OTHER"}
    before = dict(environment)
    with secrets_withheld(environment):
        assert environment.keys() == {"MY_API_KEY", "PATH", HANDED_ON}
    assert environment == before
    with pytest.raises(KeyError), secrets_withheld(environment):
        raise KeyError
    assert environment == before


def test_a_cluster_without_a_token_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its address; not this machine's own Ray, nor where there is a token; where tokens are switched off."""
    monkeypatch.setenv("HOME", str(tmp_path))
    said = token_warning("10.0.0.1:6379", {})
    assert said is not None
    assert said.startswith("Warning: the cluster at 10.0.0.1:6379 is used without a token: ")
    assert token_warning(None, {}) is None
    assert token_warning("10.0.0.1:6379", {TOKEN: "t"}) is None
    assert token_warning("10.0.0.1:6379", {TOKEN_PATH: str(tmp_path / "none")}) is not None
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("t")
    assert token_warning("10.0.0.1:6379", {}) is None
    assert token_warning("10.0.0.1:6379", {"RAY_AUTH_MODE": "disabled"}) is not None


def test_ray_s_own_token_file_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray writes it for all to read; where there is none, nothing happens."""
    monkeypatch.setenv("HOME", str(tmp_path))
    close_token({})
    path = tmp_path / ".ray" / "auth_token"
    path.parent.mkdir()
    path.write_text("t")
    path.chmod(0o644)
    close_token({})
    assert mode(path) == 0o600
