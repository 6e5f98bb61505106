"""Lists for messages, and files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from trainables.errors import UserError
from trainables.words import enumerated, one_line

NAME_LENGTH = 40  # characters of a name that are kept beside what makes it unique: file systems take 255 bytes


def listed(items: Sequence[str], first: int = 5) -> str:
    """The first few items, each on one line whatever is in its names, and how many more there are."""
    lines = [f"  {one_line(item)}" for item in items[:first]]
    if len(items) > first:
        lines.append(f"  ... and {len(items) - first} more ({len(items)} in all)")
    return "\n".join(lines)


def quoted(names: Sequence[str], first: int = 30) -> str:
    """Names for a message: `"a", "b"`, or `(none)`; of very many the first ones and how many more there are."""
    return enumerated([f'"{name}"' for name in names], first) or "(none)"


def require_free(destination: Path) -> None:
    """Raises UserError where `destination` exists and isn't an empty folder."""
    if destination.is_dir() and not any(destination.iterdir()):
        return
    if destination.exists() or destination.is_symlink():
        raise UserError(
            f"A new data set needs a free place, but {destination} exists and isn't an empty folder. "
            "Name another destination, or remove this one first."
        )


@contextmanager
def new_folder(destination: Path) -> Iterator[Path]:
    """A temporary folder beside `destination` to fill, which then becomes `destination`.

    Where filling it raises, nothing is left. Raises UserError where the destination isn't free or can't be written, or
    the disk is full in the middle.
    """
    destination = Path(os.path.abspath(destination))
    require_free(destination)
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        temporary = _beside(destination)
        temporary.mkdir()  # open to whom the umask leaves it
    except OSError as error:
        raise UserError(
            f"The folder {destination} can't be written: {error.strerror or error}. Name another one."
        ) from error
    try:
        yield temporary
        _flush(temporary)
        require_free(destination)
        if destination.exists():
            destination.rmdir()
        os.rename(temporary, destination)
        fsync(destination.parent)
    except OSError as error:
        raise UserError(
            f"The folder {destination} must be filled, but{_at(error)}: {error.strerror or error}. Nothing was left "
            "there."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _at(error: OSError) -> str:
    """The file that an error is about, where it is about one."""
    return f" at {os.fsencode(error.filename).decode('utf-8', 'backslashreplace')}" if error.filename else ""


def replace_file(path: Path, content: bytes) -> None:
    """Write a file in the place of an older one, its folders too; a reader sees the old bytes or the new ones."""
    with written_beside(path, content) as written:
        written.replace(path)


@contextmanager
def written_beside(path: Path, content: bytes) -> Iterator[Path]:
    """A temporary file beside `path` with these bytes, on the disk; removed at the end unless it was renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = _beside(path)
    try:
        with beside.open("xb") as stream:  # open to whom the umask leaves it; mkstemp's are their owner's alone
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        yield beside
    finally:
        beside.unlink(missing_ok=True)
    fsync(path.parent)


def _beside(path: Path) -> Path:
    """A hidden name in the same folder that nothing has."""
    return path.with_name(f".{path.name[:NAME_LENGTH]}.{uuid.uuid4().hex}")


def leave_to_umask(path: Path) -> None:
    """Give a file the mode that a new one has here: what safetensors writes is its owner's alone."""
    beside = _beside(path)
    beside.touch(exist_ok=False)
    path.chmod(beside.stat().st_mode & 0o777)
    beside.unlink()


def copy_file(source: Path, place: Path) -> None:
    """A copy with its source's times, open to whom the umask leaves it, whoever may read the source."""
    shutil.copyfile(source, place)
    times = source.stat()
    os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))


def _flush(folder: Path) -> None:
    """Every file and folder below reaches the disk; in threads, since each one waits."""
    everything = [Path(top) / name for top, _, names in os.walk(folder) for name in (*names, ".")]
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(fsync, everything):
            pass


def fsync(path: Path) -> None:
    """A file's or a folder's content reaches the disk."""
    if path.is_dir() and os.name == "nt":  # Windows opens no folders
        return
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
