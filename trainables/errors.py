"""Mistakes of the user's, told apart from our own: one class, which a bundle's runtime brings along."""

from __future__ import annotations

from trainables.runtime.errors import UserError

__all__ = ["UserError"]
