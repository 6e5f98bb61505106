"""Batches of pictures, whatever they come from."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from trainables_fakes import make_split

from trainables.data.pictures import source as module
from trainables.data.pictures.load import load_pictures
from trainables.data.pictures.source import (
    MappedPictures,
    PictureSource,
    ResidentPictures,
    StreamedPictures,
    open_source,
)
from trainables.errors import UserError

CPU = torch.device("cpu")
KINDS = ("mapped", "resident", "streamed")
Make = Callable[[str], PictureSource]


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Eleven pictures."""
    return [path for path in make_split(tmp_path / "pictures", 11, seed=3).inputs["image"] if path is not None]


@pytest.fixture
def pictures(paths: list[Path]) -> NDArray[np.uint8]:
    """What the loader makes of them, kept as a cache would: read-only."""
    found = load_pictures(paths, 32, "pad")
    found.setflags(write=False)
    return found


@pytest.fixture
def make(paths: list[Path], pictures: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> Make:
    """A source of each kind; its pictures are uploaded in several chunks, and decoded by two processes."""
    monkeypatch.setattr(module, "UPLOAD", 4)

    def made(kind: str) -> PictureSource:
        if kind == "mapped":
            return MappedPictures(pictures)
        if kind == "resident":
            return ResidentPictures(pictures, CPU)
        return streamed(paths)

    return made


def streamed(paths: list[Path], workers: int = 2) -> StreamedPictures:
    """The pictures, decoded for every batch."""
    return StreamedPictures(paths, size=32, fit="pad", pixel_limit=10**6, workers=workers)


def plan_of(seed: int, sizes: list[int]) -> list[torch.Tensor]:
    """Batches of rows in random order."""
    order = torch.randperm(11, generator=torch.Generator().manual_seed(seed))
    return list(torch.split(order, sizes))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_same_batches(kind: str, make: Make, pictures: NDArray[np.uint8]) -> None:
    """The loader's bytes in the order of the rows, batch by batch, in two epochs; a last batch may be smaller."""
    source = make(kind)
    assert len(source) == 11
    for seed in (0, 1):
        plan = plan_of(seed, [4, 4, 2, 1])
        found = list(source.batches(plan, CPU))
        for rows, batch in zip(plan, found, strict=True):
            assert batch.dtype == torch.uint8
            assert batch.shape == (len(rows), 3, 32, 32)
            assert batch.is_contiguous(memory_format=torch.channels_last)
            assert np.array_equal(batch.permute(0, 2, 3, 1).numpy(), pictures[rows.numpy()])


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_may_be_left_and_taken_up(kind: str, make: Make) -> None:
    """The rest of a plan gives the rest of its batches, also after another pass was given up in the middle."""
    source, plan = make(kind), plan_of(0, [3, 3, 3, 2])
    whole = list(source.batches(plan, CPU))
    given_up = source.batches(iter(plan), CPU)
    next(given_up)
    del given_up
    rest = list(source.batches(plan[2:], CPU))
    assert [torch.equal(one, other) for one, other in zip(rest, whole[2:], strict=True)] == [True, True]
    assert list(source.batches([], CPU)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_rows_may_come_twice(kind: str, make: Make) -> None:
    """A row named twice in a batch is there twice."""
    (batch,) = make(kind).batches([torch.tensor([5, 0, 5])], CPU)
    assert torch.equal(batch[0], batch[2])
    assert not torch.equal(batch[0], batch[1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", [11, -12])
def test_a_row_that_isnt_there_is_a_fault(kind: str, row: int, make: Make) -> None:
    """No other picture is given in its place."""
    with pytest.raises((IndexError, RuntimeError)):
        list(make(kind).batches([torch.tensor([0, row])], CPU))


def test_no_random_number_is_used_up(make: Make) -> None:
    """Augmentation draws the same whatever the source is."""
    before = torch.get_rng_state()
    for kind in KINDS:
        list(make(kind).batches(plan_of(0, [6, 5]), CPU))
    assert torch.equal(torch.get_rng_state(), before)


def test_only_a_few_batches_are_decoded_ahead(paths: list[Path]) -> None:
    """A plan without an end is drawn from as batches are taken, not all at once."""
    source, drawn = streamed(paths), []

    def endless() -> Any:
        while True:
            drawn.append(1)
            yield torch.tensor([0, 1])

    batches = source.batches(endless(), CPU)
    for _ in range(3):
        next(batches)
    assert len(drawn) == 3 + module.AHEAD


def test_an_unreadable_picture_is_named_by_the_stream(paths: list[Path]) -> None:
    """A UserError at its batch; the batches before it have been given."""
    paths[7].write_bytes(b"")
    batches = streamed(paths).batches(torch.split(torch.arange(11), 4), CPU)
    next(batches)
    with pytest.raises(UserError, match=r"7\.png: the file is empty"):
        next(batches)


def test_a_dead_worker_is_an_error_of_the_stream(paths: list[Path]) -> None:
    """The message says that a process ended; the next epoch begins a new one."""
    source = streamed(paths, workers=1)
    plan = [torch.arange(11)]
    list(source.batches(plan, CPU))
    process = source._decoders._idle.take()
    source._decoders._idle.give_back(process)
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(UserError, match="code -9"):
        list(source.batches(plan, CPU))
    assert len(list(source.batches(plan, CPU))) == 1


def test_workers_are_kept_over_epochs_and_closed(paths: list[Path]) -> None:
    """The same process decodes both epochs, and ends with `close`."""
    source = streamed(paths, workers=1)
    pids = []
    for seed in (0, 1):
        list(source.batches(plan_of(seed, [6, 5]), CPU))
        process = source._decoders._idle.take()
        source._decoders._idle.give_back(process)
        pids.append(process.pid)
    assert pids[0] == pids[1]
    source.close()
    gc.collect()
    assert process.poll() is not None


def opened(paths: list[Path], folder: Path, decode: str, content: str | None = None) -> PictureSource:
    """A source as a trial opens it."""
    return open_source(
        paths,
        size=32,
        fit="pad",
        pixel_limit=10**6,
        folder=folder,
        decode=decode,  # type: ignore[arg-type]
        content=content,
        workers=1,
        device=CPU,
    )


def test_the_wish_decides_the_kind(paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cache and stream as they are named; auto caches where there is room, and streams where there isn't."""
    assert isinstance(opened(paths, tmp_path / "cache", "stream"), StreamedPictures)
    assert not (tmp_path / "cache").exists()
    monkeypatch.setattr("trainables.data.disk.free_bytes", lambda _: 1000)
    assert isinstance(opened(paths, tmp_path / "cache", "auto"), StreamedPictures)
    monkeypatch.setattr("trainables.data.disk.free_bytes", lambda _: 10**9)
    assert isinstance(opened(paths, tmp_path / "cache", "auto"), MappedPictures)
    assert isinstance(opened(paths, tmp_path / "cache", "cache"), MappedPictures)


def test_auto_takes_a_cache_that_is_there_on_a_full_disk(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known by its digest, it takes no more room."""
    opened(paths, tmp_path / "cache", "cache")
    content = module_content(paths, tmp_path / "cache")
    monkeypatch.setattr("trainables.data.disk.free_bytes", lambda _: 0)
    assert isinstance(opened(paths, tmp_path / "cache", "auto", content), MappedPictures)
    assert isinstance(opened(paths, tmp_path / "cache", "auto", "another"), StreamedPictures)


def module_content(paths: list[Path], folder: Path) -> str:
    """The pictures' content digest."""
    from trainables.data.pictures.digests import content_digest, file_digests

    return content_digest(file_digests(paths, folder))


def test_pictures_stay_on_a_gpu_that_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """An eighth of the free memory at most; a CPU never keeps them twice."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (8000, 80_000))
    gpu = torch.device("cuda")
    assert [module.fits_on(gpu, count) for count in (1000, 1001)] == [True, False]
    assert not module.fits_on(CPU, 1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", KINDS)
def test_on_a_gpu_the_bytes_are_the_same(kind: str, make: Make, pictures: NDArray[np.uint8]) -> None:
    """Pinned memory, late copies and pictures that lie there already change nothing."""
    gpu = torch.device("cuda")
    source = ResidentPictures(pictures, gpu) if kind == "resident" else make(kind)
    plan = plan_of(0, [4, 4, 2, 1]) * 5
    for rows, batch in zip(plan, list(source.batches(plan, gpu)), strict=True):
        assert batch.is_contiguous(memory_format=torch.channels_last)
        assert np.array_equal(batch.permute(0, 2, 3, 1).cpu().numpy(), pictures[rows.numpy()])
