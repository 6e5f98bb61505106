"""Loads small studies."""

from __future__ import annotations

from pathlib import Path

import pytest
from picture_fakes import draw_pictures
from study_fakes import MINIMAL, Load

from search.study.config import StudyConfig
from search.study.yaml_file import load_study


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads the minimal study with more YAML below it, from a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def loaded(more: str = "", *overrides: str, base: str = MINIMAL) -> StudyConfig:
        Path("study.yaml").write_text(base + more, encoding="utf-8")
        return load_study(Path("study.yaml"), overrides)

    return loaded


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two classes in train and val."""
    draw_pictures(tmp_path / "train", {"Blue": 2, "Green": 2})
    draw_pictures(tmp_path / "val", {"Blue": 1, "Green": 1}, seed=1)
    return tmp_path
