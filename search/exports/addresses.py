"""Addresses and errors as they may be shown: without the user and password that a tracking URI can hold."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


def redacted(uri: str) -> str:
    """A URI without user and password, for screens and logs."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.rsplit("@", 1)[1]))


def without_secrets(text: str, uri: str) -> str:
    """A text that may quote the URI, without the URI's user and password."""
    secrets, at, _ = urlsplit(uri).netloc.rpartition("@")
    return text.replace(f"{secrets}{at}", "") if at else text


def root_of(error: BaseException) -> BaseException:
    """What lies at the bottom of a lost connection; each library wraps it into one more text with the address in it.

    Other errors are returned as they are.
    """
    root = error
    while (inner := root.__cause__ or root.__context__) is not None:
        root = inner
    return root if isinstance(root, OSError) else error


def first_line(error: BaseException) -> str:
    """An error in one line; some libraries' texts go on for pages."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:500]
