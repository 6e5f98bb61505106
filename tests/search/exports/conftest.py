"""A migrated SQLite store, made once: making one takes seconds, a copy none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without a run."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def database(tmp_path: Path, empty_database: Path) -> str:
    """The store that a study in `tmp_path` uses by default."""
    path = tmp_path / "runs" / "mlflow.db"
    path.parent.mkdir()
    shutil.copy(empty_database, path)
    return f"sqlite:///{path}"


@pytest.fixture
def other_database(tmp_path: Path, empty_database: Path) -> Callable[[str], str]:
    """Further empty stores by name."""

    def made(name: str) -> str:
        shutil.copy(empty_database, tmp_path / name)
        return f"sqlite:///{tmp_path / name}"

    return made
