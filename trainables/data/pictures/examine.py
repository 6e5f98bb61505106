"""Every picture of a data set looked at once: what it is, what is odd about it, what it looks like."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import as_completed
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

import PIL

from trainables.data.pictures.decoders import Decoders, usable_cpus, useful_workers
from trainables.data.pictures.digests import PICTURES, DigestIndex, FileDigest
from trainables.data.pictures.facts import PictureFacts
from trainables.data.pictures.facts_store import FactsStore
from trainables.data.pictures.load import PIXEL_LIMIT
from trainables.data.pictures.look import ENDING, LOOK_VERSION, look_at
from trainables.errors import UserError

CHUNK: Final = 1024  # pictures that are digested, then decoded, so that their bytes are still in memory
BATCH: Final = 8  # pictures of one request to a worker
DEADLY: Final = "the process that decoded it died (a fault of the decoder, or lack of memory)"

_ENDINGS: Final = {
    "JPEG": {".jpg", ".jpeg", ".jfif"},
    "MPO": {".jpg", ".jpeg", ".jfif"},
    "PNG": {".png"},
    "WEBP": {".webp"},
    "BMP": {".bmp"},
    "GIF": {".gif"},
    "TIFF": {".tif", ".tiff"},
    "AVIF": {".avif"},
}

Tell = Callable[[int, int], None]  # (pictures done, all pictures)
Looked = Generator[tuple[int, PictureFacts], None, None]  # a picture's place, and what was found


def examine(
    paths: Sequence[Path],
    folder: Path,
    *,
    pixel_limit: int = PIXEL_LIMIT,
    workers: int | None = None,
    progress: Tell | None = None,
) -> list[PictureFacts]:
    """What every picture file is, in the order of `paths`. Raises nothing for a picture: its fault is a fact.

    Up to `workers` processes decode (default: as many as there are CPUs; few pictures are decoded by this one).
    `folder`: the root of the caches, in which what is found is kept by the pictures' content; `progress` is told
    (pictures done, all pictures). About 2 kB are held a picture.

    A fault is what a decoder notices: a file that is none of our formats, one that ends too early, damaged compressed
    data where the format tells. JPEGs are decoded at an eighth of their size, by which all of their data are still
    read: what isn't noticed is a JPEG whose damaged data can be decoded, into a picture with false colours or shifted
    blocks, and one that lacks its last few bytes alone. One that ends early although its end is marked has a note.
    """
    index = DigestIndex(paths, folder / PICTURES)
    store = FactsStore(folder / PICTURES, _key(pixel_limit))
    found: list[PictureFacts] = []
    decoders = _decoders(len(paths), workers)
    try:
        for start in range(0, len(paths), CHUNK):
            chunk = paths[start : start + CHUNK]
            found += _examined(chunk, index, store, pixel_limit, decoders, _ahead(progress, start, len(paths)))
    finally:
        index.save()
        if decoders is not None:
            decoders.close()
    return found


def _key(pixel_limit: int) -> str:
    text = f"{LOOK_VERSION} {PIL.__version__} {pixel_limit}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _decoders(pictures: int, workers: int | None) -> Decoders | None:
    """None where this process decodes."""
    count = useful_workers(pictures, usable_cpus() if workers is None else workers)
    return None if count == 1 else Decoders(count)


def _ahead(progress: Tell | None, before: int, count: int) -> Callable[[int], None]:
    """Tells `progress` of so many pictures of a chunk."""
    return lambda done: None if progress is None else progress(before + done, count)


def _examined(
    paths: Sequence[Path],
    index: DigestIndex,
    store: FactsStore,
    pixel_limit: int,
    decoders: Decoders | None,
    tell: Callable[[int], None],
) -> list[PictureFacts]:
    """A chunk. Of files with the same content one is decoded, and none of those that are known."""
    digests = index.digests(paths)
    known = store.known({one.sha256 for one in digests if isinstance(one, FileDigest)})
    first = {one.sha256: path for path, one in zip(paths, digests, strict=True) if isinstance(one, FileDigest)}
    missing = [sha256 for sha256 in first if sha256 not in known]
    tell(len(paths) - len(missing))
    fresh: dict[str, PictureFacts] = {}
    with closing(_looked([first[sha256] for sha256 in missing], pixel_limit, decoders)) as results:
        for place, facts in results:
            fresh[missing[place]] = facts
            tell(len(paths) - len(missing) + len(fresh))
    store.add(_unchanged(fresh, first, dict(zip(paths, digests, strict=True))))
    return [_named(path, digest, known | fresh) for path, digest in zip(paths, digests, strict=True)]


def _looked(paths: Sequence[Path], pixel_limit: int, decoders: Decoders | None) -> Looked:
    if decoders is None:
        yield from ((place, look_at(path, pixel_limit)) for place, path in enumerate(paths))
        return
    starts = {decoders.look(paths[start : start + BATCH], pixel_limit): start for start in range(0, len(paths), BATCH)}
    try:
        for future in as_completed(starts):
            start = starts[future]
            try:
                batch = future.result()
            except UserError:  # a worker died
                batch = [_alone(path, pixel_limit, decoders) for path in paths[start : start + BATCH]]
            yield from enumerate(batch, start)
    finally:
        for future in starts:
            future.cancel()


def _alone(path: Path, pixel_limit: int, decoders: Decoders) -> PictureFacts:
    """A picture of a batch on which a worker died: which one it was is found so."""
    try:
        return decoders.look([path], pixel_limit).result()[0]
    except UserError:
        return PictureFacts(fault=DEADLY)


def _unchanged(
    fresh: Mapping[str, PictureFacts], first: Mapping[str, Path], digests: Mapping[Path, FileDigest | str]
) -> dict[str, PictureFacts]:
    """Those whose file is still the one that was digested. What a dying worker left may not happen again."""
    return {
        sha256: facts
        for sha256, facts in fresh.items()
        if facts.fault != DEADLY and _state(first[sha256]) == digests[first[sha256]][:2]
    }


def _state(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _named(path: Path, digest: FileDigest | str, found: Mapping[str, PictureFacts]) -> PictureFacts:
    """The facts of a file's content, with what only the file has."""
    if isinstance(digest, str):
        return PictureFacts(fault=digest.removeprefix(f"{path}: "))
    facts = found[digest.sha256]
    notes = (*facts.notes, *_ending_note(path, facts.format))
    return replace(facts, size_bytes=digest.size, sha256=digest.sha256, notes=notes)


def _ending_note(path: Path, kind: str) -> tuple[str, ...]:
    ending = path.suffix.lower()
    if not kind or ending in _ENDINGS.get(kind, ()):
        return ()
    named = f"named {ending}" if ending else "its name has no ending"
    return (f"{ENDING}: {named}, but it is {kind}",)
