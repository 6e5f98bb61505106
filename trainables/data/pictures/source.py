"""Where batches of pictures come from: a mapped cache, the GPU's own memory, or the files themselves.

All kinds give the same bytes. Random numbers aren't drawn here, so that a batch doesn't depend on its source.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.data.disk import has_room
from trainables.data.pictures.cache import bytes_to_build, cache_key, decoded_pictures
from trainables.data.pictures.decoders import Decoders
from trainables.data.pictures.load import Fit, unreadable
from trainables.modality import Decode

RESIDENT_SHARE: Final = 1 / 8  # of a GPU's free memory that a split's pictures may take: other trials share it
UPLOAD: Final = 1024  # pictures at a time
AHEAD: Final = 3  # batches that are being decoded while one is used


class PictureSource(Protocol):
    """Pictures of one split, handed out by batch."""

    def __len__(self) -> int:
        """How many there are."""

    def batches(self, plan: Iterable[Tensor], device: torch.device) -> Iterator[Tensor]:
        """For each tensor of rows: uint8 (N, 3, S, S) on the device, channels_last in memory, in the rows' order."""


class MappedPictures:
    """Pictures (N, S, S, 3) in an array, mapped or in memory.

    For a GPU the next batch is gathered while one is used. On a CPU the threads of the training itself would only be in
    each other's way.
    """

    def __init__(self, pictures: NDArray[np.uint8]) -> None:
        self._pictures = pictures

    def __len__(self) -> int:
        return len(self._pictures)

    def batches(self, plan: Iterable[Tensor], device: torch.device) -> Iterator[Tensor]:
        """See PictureSource."""
        if device.type == "cpu":
            for rows in plan:
                yield _on_device(self._gathered(rows, device), device)
            return
        with ThreadPoolExecutor(1, thread_name_prefix="gather") as thread:
            following: Future[Tensor] | None = None
            for rows in plan:
                current, following = following, thread.submit(self._gathered, rows, device)
                if current is not None:
                    yield _on_device(current.result(), device)
            if following is not None:
                yield _on_device(following.result(), device)

    def _gathered(self, rows: Tensor, device: torch.device) -> Tensor:
        batch = _host_batch(len(rows), self._pictures.shape[1], device)
        chosen = rows.numpy()
        if len(chosen) and not 0 <= chosen.min() <= chosen.max() < len(self._pictures):
            raise IndexError(
                f"Rows must lie in 0 to {len(self._pictures) - 1}, but got {chosen.min()}, {chosen.max()}."
            )
        np.take(self._pictures, chosen, axis=0, out=batch.numpy(), mode="clip")  # "raise" would copy once more
        return batch


class ResidentPictures:
    """Pictures (N, S, S, 3) that lie on the device."""

    def __init__(self, pictures: NDArray[np.uint8], device: torch.device) -> None:
        self._pictures = torch.empty(pictures.shape, dtype=torch.uint8, device=device)
        for start in range(0, len(pictures), UPLOAD):
            chunk = np.array(pictures[start : start + UPLOAD])  # a map that is read-only makes no tensor
            self._pictures[start : start + UPLOAD] = torch.from_numpy(chunk)

    def __len__(self) -> int:
        return len(self._pictures)

    def batches(self, plan: Iterable[Tensor], device: torch.device) -> Iterator[Tensor]:
        """See PictureSource. The whole plan is sent to the device at once."""
        planned = list(plan)
        if not planned:
            return
        rows = torch.cat(planned)
        rows = (rows.pin_memory() if device.type == "cuda" else rows).to(device, non_blocking=True)
        for chosen in torch.split(rows, [len(own) for own in planned]):
            yield self._pictures.index_select(0, chosen).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class _Coming:
    """A batch that is being decoded in parts."""

    pictures: Tensor
    parts: Sequence[Future[Mapping[str, Any]]]

    def result(self) -> Tensor:
        """The batch, once it is whole. UserError where pictures can't be read."""
        faults: list[str] = []
        for part in self.parts:
            answer = part.result()
            if "error" in answer:
                raise OSError(*answer["error"])
            faults += answer["faults"]
        if faults:
            raise unreadable(faults, len(self.pictures))
        return self.pictures


class StreamedPictures:
    """Pictures decoded anew for every batch, a few batches ahead, by worker processes that are kept until `close`."""

    def __init__(self, paths: Sequence[Path], *, size: int, fit: Fit, pixel_limit: int, workers: int) -> None:
        self._paths = [str(path) for path in paths]
        self._size, self._fit, self._pixel_limit = size, fit, pixel_limit
        self._decoders = Decoders(workers)

    def __len__(self) -> int:
        return len(self._paths)

    def batches(self, plan: Iterable[Tensor], device: torch.device) -> Iterator[Tensor]:
        """See PictureSource. UserError where a picture can't be read or a worker dies."""
        coming: deque[_Coming] = deque()
        try:
            for rows in plan:
                coming.append(self._begin(rows, device))
                if len(coming) > AHEAD:
                    yield _on_device(coming.popleft().result(), device)
            while coming:
                yield _on_device(coming.popleft().result(), device)
        finally:
            for part in [part for batch in coming for part in batch.parts]:
                part.cancel()

    def close(self) -> None:
        """End the worker processes; they end as well when the source is gone."""
        self._decoders.close()

    def _begin(self, rows: Tensor, device: torch.device) -> _Coming:
        batch = _host_batch(len(rows), self._size, device)
        paths = [self._paths[row] for row in rows.tolist()]
        share = max(1, -(-len(paths) // self._decoders.workers))  # every worker has a part of the first batch
        parts = [
            self._decoders.decode(
                paths[start : start + share],
                self._size,
                self._fit,
                self._pixel_limit,
                batch[start : start + share].numpy(),
            )
            for start in range(0, len(paths), share)
        ]
        return _Coming(batch, parts)


def open_source(
    paths: Sequence[Path],
    *,
    size: int,
    fit: Fit,
    pixel_limit: int,
    folder: Path,
    decode: Decode,
    content: str | None,
    workers: int,
    device: torch.device,
) -> PictureSource:
    """The pictures of one split, from where a batch comes fastest.

    `decode`: "cache" takes them from the cache in `folder`, which is made where it is missing; "stream" decodes each
    anew; "auto" streams where the cache is missing and doesn't fit the disk. Cached pictures are put onto a GPU that
    has much free memory. `content` is their content digest, where it is known; `workers` processes decode.

    Raises UserError where pictures can't be read or have changed, or the cache doesn't fit.
    """
    if decode == "stream" or (decode == "auto" and not _cache_fits(paths, size, fit, pixel_limit, folder, content)):
        return StreamedPictures(paths, size=size, fit=fit, pixel_limit=pixel_limit, workers=workers)
    pictures = decoded_pictures(
        paths, size=size, fit=fit, pixel_limit=pixel_limit, folder=folder, content=content, workers=workers
    )
    return ResidentPictures(pictures, device) if fits_on(device, pictures.nbytes) else MappedPictures(pictures)


def _cache_fits(
    paths: Sequence[Path], size: int, fit: Fit, pixel_limit: int, folder: Path, content: str | None
) -> bool:
    """Without a digest it isn't known whether the cache is there: then it must fit once more."""
    key = cache_key(content or "", size=size, fit=fit, pixel_limit=pixel_limit)
    return has_room(folder, bytes_to_build(folder, key, len(paths), size))


def fits_on(device: torch.device, count: int) -> bool:
    """Whether a split's pictures of so many bytes are put onto the device: a GPU with much free memory."""
    return device.type == "cuda" and count <= RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]


def _host_batch(count: int, size: int, device: torch.device) -> Tensor:
    """Room for a batch (N, S, S, 3); pinned for a GPU. PyTorch reuses pinned memory only after its copy has ended."""
    return torch.empty((count, size, size, 3), dtype=torch.uint8, pin_memory=device.type == "cuda")


def _on_device(batch: Tensor, device: torch.device) -> Tensor:
    return batch.to(device, non_blocking=True).permute(0, 3, 1, 2)
