"""What a study was made with: versions, the commit of the code, the data."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from trainables.data.samples import Split, split_digest

PACKAGES = ("binwise", "torch", "torchvision", "timm", "transformers", "ray", "optuna", "mlflow")


def versions() -> dict[str, str]:
    """The installed packages that a result depends on."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def code_commit() -> str | None:
    """The commit of Binwise's own code, `-dirty` where files differ from it; None where it isn't a git checkout."""
    folder = Path(__file__).parents[2]
    if not (folder / ".git").exists():
        return None
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return f"{commit}-dirty" if _git(folder, "status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603


def data_facts(splits: Mapping[str, Split]) -> dict[str, Any]:
    """By split: how many samples, their digest, and the classes. No file is read: of files their sizes count."""
    return {
        name: {"samples": len(split), "digest": split_digest(split), "classes": list(split.classes)}
        for name, split in splits.items()
    }
