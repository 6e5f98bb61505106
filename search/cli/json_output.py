"""Standard output for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO


@contextmanager
def json_alone(*, wanted: bool) -> Iterator[TextIO | None]:
    """Where it is wanted, standard output for JSON lines; all else that is printed within the block goes to stderr.

    That is, too, what Ray prints when a worker dies, on standard output whatever it was told about logs.
    """
    if not wanted:
        yield None
        return
    out = sys.stdout
    with redirect_stdout(sys.stderr):
        yield out
