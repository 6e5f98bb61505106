"""Mistakes of the user's, told apart from our own."""

from __future__ import annotations


class UserError(ValueError):
    """A mistake in what the user gave. Its text names the file, key or value, the rule, and what to do.

    The command line prints the text alone and exits with 2.
    """
