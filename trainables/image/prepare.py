"""The trials' pictures: decoded once before the first trial where the disk has room, else streamed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

from trainables.data.caches import list_caches
from trainables.data.disk import free_bytes, has_room
from trainables.data.pictures.cache import bytes_to_build, cache_bytes, cache_key, decoded_pictures, is_cached
from trainables.data.pictures.decoders import usable_cpus
from trainables.data.pictures.digests import PICTURES, content_digest, file_digests
from trainables.data.pictures.load import Fit
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.modality import Place, Plan, SearchedValues
from trainables.words import human_bytes

# Keys of what is prepared.
CONTENT: Final = "content"  # by split: its pictures' content digest
STREAM: Final = "stream"  # whether trials decode for every batch anew, as the disk lacks room


@dataclass(frozen=True)
class _Wanted:
    """One cache that trials need: the pictures of a split at one size and fit."""

    split: str
    paths: Sequence[Path]
    size: int
    fit: Fit

    def key(self, content: Mapping[str, str], pixel_limit: int) -> str:
        """The name of its folder among the decoded pictures."""
        return cache_key(content[self.split], size=self.size, fit=self.fit, pixel_limit=pixel_limit)


def prepare_pictures(values: SearchedValues, splits: Mapping[str, Split], place: Place) -> dict[str, Any]:
    """Decode every picture once, at each size and fit that the space has, so that trials find them ready.

    Where the study says so, or by itself where the disk lacks room, nothing is decoded: trials stream.
    Raises UserError where a picture can't be read, or the study wants a cache that doesn't fit.
    """
    if place.decode == "stream":
        return {STREAM: True}
    wanted, folder = _all_wanted(values, splits), place.caches / PICTURES
    if place.decode == "auto" and not _may_fit(wanted, place):
        return _stream(wanted, place)
    content = _content(splits, place)
    missing = [one for one in wanted if not is_cached(folder, one.key(content, place.pixel_limit))]
    needed = sum(_bytes_to_build(one, content, place) for one in missing)
    if place.decode == "auto" and not has_room(folder, needed):
        return _stream(missing, place)
    if needed > free_bytes(folder):
        raise _too_large(needed, place)
    if missing:
        place.say(f"Decoding {_described(missing, place)}")
        _decode(missing, content, place)
    return {CONTENT: content}


def plan_pictures(values: SearchedValues, splits: Mapping[str, Split], place: Place) -> Plan:
    """What `prepare_pictures` will do at most, without reading a picture: caches that are there already aren't told
    apart before the files are read.

    Raises UserError where the caches clearly don't fit.
    """
    if place.decode == "stream":
        return Plan(lines=("Pictures are streamed: each epoch decodes them anew",))
    wanted = _all_wanted(values, splits)
    if place.decode == "auto" and not _may_fit(wanted, place):
        return Plan(lines=(_streaming(wanted, place),))
    least = _all_bytes(wanted) - _cached_bytes(place)
    if place.decode == "cache" and least > free_bytes(place.caches / PICTURES):
        raise _too_large(least, place)
    return Plan(_all_bytes(wanted), (f"Decoding at most {_described(wanted, place)}",))


def _all_wanted(values: SearchedValues, splits: Mapping[str, Split]) -> list[_Wanted]:
    shapes = product(values.every("size"), values.every("fit"))
    return [_Wanted(name, split.items("image"), size, fit) for size, fit in shapes for name, split in splits.items()]


def _too_large(needed: int, place: Place) -> UserError:
    folder = place.caches / PICTURES
    return UserError(
        f"With data.decode: cache the decoded pictures must fit the disk, but they need {human_bytes(needed)} and "
        f"{folder} has {human_bytes(free_bytes(folder))} free: free some room (`binwise cache list` "
        "shows what the caches take), search fewer sizes and fits, or set data.decode to stream."
    )


def _decode(missing: Sequence[_Wanted], content: Mapping[str, str], place: Place) -> None:
    """Decode every missing cache, with one progress bar over all of their pictures."""
    total, before = sum(len(one.paths) for one in missing), 0
    with place.bar("Decoding") as tell:
        for one in missing:
            decoded_pictures(
                one.paths,
                size=one.size,
                fit=one.fit,
                pixel_limit=place.pixel_limit,
                folder=place.caches / PICTURES,
                content=content[one.split],
                workers=usable_cpus(),
                progress=lambda done, _, before=before: tell(before + done, total),  # type: ignore[misc]
            )
            before += len(one.paths)


def _content(splits: Mapping[str, Split], place: Place) -> dict[str, str]:
    """The digest of each split's pictures, by split; files that were read before aren't read again."""
    folder = place.caches / PICTURES
    with place.bar("Reading") as tell:
        return {
            name: content_digest(file_digests(split.items("image"), folder, tell)) for name, split in splits.items()
        }


def _bytes_to_build(one: _Wanted, content: Mapping[str, str], place: Place) -> int:
    key = one.key(content, place.pixel_limit)
    return bytes_to_build(place.caches / PICTURES, key, len(one.paths), one.size)


def _may_fit(wanted: Sequence[_Wanted], place: Place) -> bool:
    """False where it is clear, before any picture is read, that the caches don't fit, whatever is there already."""
    return has_room(place.caches / PICTURES, max(0, _all_bytes(wanted) - _cached_bytes(place)))


def _cached_bytes(place: Place) -> int:
    return sum(entry.bytes for entry in list_caches(place.caches))


def _stream(wanted: Sequence[_Wanted], place: Place) -> dict[str, Any]:
    place.say(_streaming(wanted, place))
    return {STREAM: True}


def _streaming(wanted: Sequence[_Wanted], place: Place) -> str:
    return f"Streaming, as the disk lacks room to decode {_described(wanted, place)}. Each epoch decodes them anew."


def _described(wanted: Sequence[_Wanted], place: Place) -> str:
    """`13,505 pictures to 224 px (pad): 2.0 GB in mlruns/cache/pictures, 66 GB free`."""
    pictures = sum({one.split: len(one.paths) for one in wanted}.values())
    sizes = ", ".join(map(str, sorted({one.size for one in wanted})))
    fits = ", ".join(sorted({one.fit for one in wanted}))
    folder = place.caches / PICTURES
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    room = f"{human_bytes(_all_bytes(wanted))} in {shown}, {human_bytes(free_bytes(folder))} free"
    return f"{pictures:,} pictures to {sizes} px ({fits}): {room}"


def _all_bytes(wanted: Sequence[_Wanted]) -> int:
    return sum(cache_bytes(len(one.paths), one.size) for one in wanted)
