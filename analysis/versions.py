"""The versions of the packages that made a selection."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

REPORTED_PACKAGES = (
    "binwise", "torch", "torchvision", "timm", "transformers", "ray", "optuna", "scikit-learn", "numpy"
)  # fmt: skip


def versions() -> dict[str, str]:
    """Python's, and those of the reported packages that are installed, by name."""
    found = {"python": platform.python_version()}
    for package in REPORTED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
