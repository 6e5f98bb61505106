"""Small pictures for the page, so many and so large that the page stays one that opens at once."""

from __future__ import annotations

from pathlib import Path

from analysis.report.thumbnails import thumbnail_uri

MOST_PICTURES = 60
MOST_BYTES = 2_400_000  # of all pictures together, as they stand in the page
SIDE = 150  # px


class PictureBudget:
    """Hands out pictures until there are enough."""

    def __init__(self) -> None:
        self._left, self._bytes = MOST_PICTURES, MOST_BYTES

    def uri(self, file: str) -> str | None:
        """The picture as a `data:` URI; None where the file is no picture that can be read, or there are enough."""
        if self._left <= 0 or not _is_file(file):
            return None
        uri = thumbnail_uri(Path(file), SIDE)
        if uri is None or len(uri) > self._bytes:
            return None
        self._left, self._bytes = self._left - 1, self._bytes - len(uri)
        return uri


def _is_file(file: str) -> bool:
    try:
        return Path(file).is_file()
    except (OSError, ValueError):  # too long for a path, or with a NUL in it
        return False
