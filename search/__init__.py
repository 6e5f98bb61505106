"""Which trials run, where, and what is remembered. In a notebook: `from search import Study, fuse`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search import environment

if TYPE_CHECKING:
    from search.api import Study, fuse

__all__ = ["Study", "fuse"]

# Whatever of this package is imported first: Ray and MLflow read the environment while they are imported.
environment.prepare()


def __getattr__(name: str) -> Any:
    """What notebooks use, imported when it is asked for: whoever imports a module of this package needs none of it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from search import api

    return getattr(api, name)
