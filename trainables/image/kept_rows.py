"""What networks make of a split's pictures is kept in a cache: under which key, and how pictures are read for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from trainables.data.pictures.cache import cache_key, is_cached, require_unchanged
from trainables.data.pictures.digests import PICTURES, FileDigest, content_digest, file_digests
from trainables.data.pictures.source import PictureSource, open_source
from trainables.features.store import Between
from trainables.image.prepare import CONTENT
from trainables.learning.steps import pick_device
from trainables.modality import DataAccess


@dataclass(frozen=True)
class Prepared:
    """A split's pictures at a size and fit."""

    data: DataAccess
    split: str
    size: int
    fit: Literal["pad", "crop"]

    def content(self) -> str:
        """The digest of the files' content."""
        known: Mapping[str, str] | None = self.data.prepared.get(CONTENT)
        return known[self.split] if known else content_digest(self._digests())

    def key(self, content: str) -> str:
        """What is made of these pictures is kept under this."""
        return cache_key(content, size=self.size, fit=self.fit, pixel_limit=self.data.pixel_limit)

    def source(self, content: str) -> PictureSource:
        """The pictures as they were decoded for other trials; else decoded as they are needed, each once.

        UserError where the files have changed since the study began.
        """
        items, folder, key = self.data.splits[self.split].items("image"), self.data.caches / PICTURES, self.key(content)
        if not is_cached(folder, key):
            require_unchanged(items, self._digests(), content)
        return open_source(
            items,
            size=self.size,
            fit=self.fit,
            pixel_limit=self.data.pixel_limit,
            folder=folder,
            decode="cache" if is_cached(folder, key) else "stream",
            content=content,
            workers=self.data.workers,
            device=pick_device(),
        )

    def _digests(self) -> list[FileDigest]:
        return file_digests(self.data.splits[self.split].items("image"), self.data.caches / PICTURES)


class Opened:
    """A split's pictures, opened where the first of them is asked for; what decodes them ends with this object."""

    def __init__(self, prepared: Prepared, content: str) -> None:
        self._prepared, self._content = prepared, content
        self._source: PictureSource | None = None

    def rows(self, rows: slice, between: Between) -> Rows:
        """Some neighbouring ones. UserError as `Prepared.source`."""
        if self._source is None:
            self._source = self._prepared.source(self._content)
        return Rows(self._source, rows, between)


class Rows:
    """Some neighbouring pictures of a source; `between` is called before each batch."""

    def __init__(self, source: PictureSource, rows: slice, between: Between) -> None:
        self._source, self._rows, self._between = source, rows, between

    def __len__(self) -> int:
        return int(self._rows.stop - self._rows.start)

    def batches(self, plan: Iterable[Tensor], device: torch.device) -> Iterator[Tensor]:
        """See PictureSource."""
        for batch in self._source.batches((rows + self._rows.start for rows in plan), device):
            self._between()
            yield batch
