"""The trials' pictures: decoded once before the first trial where the disk has room, else streamed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from rich.console import Console

from search.show.progress_bar import progress_bar
from search.study.config import StudyConfig
from search.study.folder import Layout
from search.study.values import trial_values
from trainables.data.caches import list_caches
from trainables.data.disk import free_bytes, has_room
from trainables.data.pictures.cache import bytes_to_build, cache_bytes, cache_key, decoded_pictures, is_cached
from trainables.data.pictures.decoders import usable_cpus
from trainables.data.pictures.digests import content_digest, file_digests
from trainables.data.pictures.load import Decode, Fit
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.names import IMAGE
from trainables.words import human_bytes


@dataclass(frozen=True)
class TrialPictures:
    """How trials come by their pictures."""

    decode: Decode
    content: Mapping[str, str] | None = None  # by split: its pictures' content digest; None where they are streamed


@dataclass(frozen=True)
class _Wanted:
    """One cache that trials need: the pictures of a split at one size and fit."""

    split: str
    paths: Sequence[Path]
    size: int
    fit: Fit

    def key(self, content: Mapping[str, str], pixel_limit: int) -> str:
        """Its name."""
        return cache_key(content[self.split], size=self.size, fit=self.fit, pixel_limit=pixel_limit)


def decode_pictures(study: StudyConfig, splits: Mapping[str, Split], layout: Layout, console: Console) -> TrialPictures:
    """Decode every picture once, at each size and fit that the space has, so that trials find them ready.

    Where the study says so, or by itself where the disk lacks room, nothing is decoded: trials stream.
    Raises UserError where a picture can't be read, or the study wants a cache that doesn't fit.
    """
    if IMAGE not in study.modalities or study.data.decode == "stream":
        return TrialPictures("stream")
    paths = _paths(splits)
    wanted = _all_wanted(study, paths)
    if study.data.decode == "auto" and not _may_fit(wanted, layout):
        return _stream(wanted, layout, console)
    content = _content(paths, layout)
    missing = [one for one in wanted if not is_cached(layout.cache, one.key(content, study.data.pixel_limit))]
    needed = sum(_bytes_to_build(one, content, study, layout) for one in missing)
    if study.data.decode == "auto" and not has_room(layout.cache, needed):
        return _stream(missing, layout, console)
    if needed > free_bytes(layout.cache):
        raise _too_large(needed, layout)
    if missing:
        console.print(f"Decoding {_described(missing, layout)}", highlight=False, markup=False, soft_wrap=True)
        _decode(missing, content, study.data.pixel_limit, layout)
    return TrialPictures(study.data.decode, content)


@dataclass(frozen=True)
class PicturesPlan:
    """What decoding will take at most: caches that are there already aren't told apart before the files are read."""

    bytes: int
    line: str | None = None  # what is to be said; None where nothing is decoded


def plan_pictures(study: StudyConfig, splits: Mapping[str, Split], layout: Layout) -> PicturesPlan:
    """What `decode_pictures` will do, without reading a picture. UserError where the caches clearly don't fit."""
    if IMAGE not in study.modalities:
        return PicturesPlan(0)
    if study.data.decode == "stream":
        return PicturesPlan(0, "Pictures are streamed: each epoch decodes them anew")
    wanted = _all_wanted(study, _paths(splits))
    if study.data.decode == "auto" and not _may_fit(wanted, layout):
        return PicturesPlan(0, _streaming(wanted, layout))
    least = _all_bytes(wanted) - _cached_bytes(layout)
    if study.data.decode == "cache" and least > free_bytes(layout.cache):
        raise _too_large(least, layout)
    return PicturesPlan(_all_bytes(wanted), f"Decoding at most {_described(wanted, layout)}")


def _paths(splits: Mapping[str, Split]) -> dict[str, list[Path]]:
    return {name: [path for path in split.images if path is not None] for name, split in splits.items()}


def _all_wanted(study: StudyConfig, paths: Mapping[str, Sequence[Path]]) -> list[_Wanted]:
    shapes = product(trial_values(study.image, "size"), trial_values(study.image, "fit"))
    return [_Wanted(name, own, size, fit) for size, fit in shapes for name, own in paths.items()]


def _too_large(needed: int, layout: Layout) -> UserError:
    return UserError(
        f"With data.decode: cache the decoded pictures must fit the disk, but they need {human_bytes(needed)} and "
        f"{layout.cache} has {human_bytes(free_bytes(layout.cache))} free: free some room (`binwise cache list` "
        "shows what the caches take), search fewer sizes and fits, or set data.decode to stream."
    )


def _decode(missing: Sequence[_Wanted], content: Mapping[str, str], pixel_limit: int, layout: Layout) -> None:
    """One bar over all of them."""
    total, before = sum(len(one.paths) for one in missing), 0
    with progress_bar("Decoding") as tell:
        for one in missing:
            decoded_pictures(
                one.paths,
                size=one.size,
                fit=one.fit,
                pixel_limit=pixel_limit,
                folder=layout.cache,
                content=content[one.split],
                workers=usable_cpus(),
                progress=lambda done, _, before=before: tell(before + done, total),  # type: ignore[misc]
            )
            before += len(one.paths)


def _content(paths: Mapping[str, Sequence[Path]], layout: Layout) -> dict[str, str]:
    """Each split's content digest."""
    with progress_bar("Reading") as tell:
        return {name: content_digest(file_digests(own, layout.cache, tell)) for name, own in paths.items()}


def _bytes_to_build(one: _Wanted, content: Mapping[str, str], study: StudyConfig, layout: Layout) -> int:
    return bytes_to_build(layout.cache, one.key(content, study.data.pixel_limit), len(one.paths), one.size)


def _may_fit(wanted: Sequence[_Wanted], layout: Layout) -> bool:
    """False where it is clear, before any picture is read, that the caches don't fit, whatever is there already."""
    return has_room(layout.cache, max(0, _all_bytes(wanted) - _cached_bytes(layout)))


def _cached_bytes(layout: Layout) -> int:
    return sum(entry.bytes for entry in list_caches(layout.cache_root))


def _stream(wanted: Sequence[_Wanted], layout: Layout, console: Console) -> TrialPictures:
    console.print(_streaming(wanted, layout), highlight=False, markup=False, soft_wrap=True)
    return TrialPictures("stream")


def _streaming(wanted: Sequence[_Wanted], layout: Layout) -> str:
    return f"Streaming, as the disk lacks room to decode {_described(wanted, layout)}. Each epoch decodes them anew."


def _described(wanted: Sequence[_Wanted], layout: Layout) -> str:
    """`13,505 pictures to 224 px (pad): 2.0 GB in mlruns/cache/pictures, 66 GB free`."""
    pictures = sum({one.split: len(one.paths) for one in wanted}.values())
    sizes = ", ".join(map(str, sorted({one.size for one in wanted})))
    fits = ", ".join(sorted({one.fit for one in wanted}))
    place = layout.cache.relative_to(Path.cwd()) if layout.cache.is_relative_to(Path.cwd()) else layout.cache
    room = f"{human_bytes(_all_bytes(wanted))} in {place}, {human_bytes(free_bytes(layout.cache))} free"
    return f"{pictures:,} pictures to {sizes} px ({fits}): {room}"


def _all_bytes(wanted: Sequence[_Wanted]) -> int:
    return sum(cache_bytes(len(one.paths), one.size) for one in wanted)
