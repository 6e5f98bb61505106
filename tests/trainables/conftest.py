"""Shares tiny data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hub_server import Hub, running
from huggingface_hub import constants
from trainables_fakes import PIXEL_LIMIT, TRIAL, make_data

from trainables.data.study_data import packed
from trainables.modality import DataAccess
from trainables.names import DATA_FILE, TRAIN, VAL


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Sums in one order, as runs are compared bit for bit; and on a busy machine more threads wait for each other.

    By module, so that it comes before the modules' own fixtures.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataAccess:
    """Train and val of 20 and 10 little pictures, and a cache for them."""
    return make_data(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on this machine, which Hugging Face's client takes for its own, and an empty cache."""
    with running(tmp_path / "hub") as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        template = "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.address + template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache of the hub"))
        monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.3)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server


@pytest.fixture(scope="module")
def data_file(data: DataAccess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's table of train and val."""
    path = tmp_path_factory.mktemp("study") / DATA_FILE
    path.write_bytes(packed(data.splits[TRAIN], data.splits[VAL]))
    return path


@pytest.fixture
def raw(data: DataAccess, data_file: Path, tmp_path: Path) -> Any:
    """Makes a trial's raw dict."""

    def make(modality: str, number: int = 0, **changes: Any) -> dict[str, Any]:
        return {
            "hyperparameters": {**TRIAL[modality], **changes},
            "number": number,
            "modality": modality,
            "data": str(data_file),
            "caches": str(data.caches),
            "pixel_limit": PIXEL_LIMIT,
            "decode": "cache",
            "prepared": {},
            "folder": str(tmp_path / modality),
            "seed": 7,
            "cpus": 1,
        }

    return make
