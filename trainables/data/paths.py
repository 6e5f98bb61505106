"""A path as somebody wrote it into a CSV -> the file within the data set's folder."""

from __future__ import annotations

import os
import posixpath
import stat
import unicodedata
from pathlib import Path, PurePosixPath, PureWindowsPath


class Folders:
    """Which folders lie within the root, each resolved once."""

    def __init__(self, root: Path, *, allow_links: bool = False) -> None:
        self._root, self._allow_links = os.path.realpath(root), allow_links
        self._known: dict[str, bool] = {}

    def holds(self, folder: str) -> bool:
        """Whether a folder lies in the root or is it, links followed."""
        if (known := self._known.get(folder)) is None:
            known = self._known[folder] = self._allow_links or _inside(os.path.realpath(folder), self._root)
        return known

    def holds_link(self, path: str) -> bool:
        """Whether what a link names lies in the root."""
        return self._allow_links or _inside(os.path.realpath(path), self._root)


def picture_path(cell: str, root: Path, folders: Folders) -> Path:
    """The file that a cell names, relative to `root` or absolute; the path is the written one, links not resolved.

    `a\\b.jpg` is `a/b.jpg` where no file is named so. Raises ValueError with the fault in words.
    """
    if not cell:
        raise ValueError("the image is empty")
    if "://" in cell:
        raise ValueError(f'"{cell}" is a URL; only files are read')
    if "\0" in cell:
        raise ValueError("the path has a NUL character")
    path = _path(cell, root)
    status = _status(path, cell)
    if status is None and "\\" in cell and os.sep == "/":
        path = _path(cell.replace("\\", "/"), root)
        status = _status(path, cell)
    inner = str(path)
    if not _inside(posixpath.normpath(inner), str(root)) or not folders.holds(os.path.dirname(inner)):
        raise ValueError(_outside(cell, root))
    if status is not None and stat.S_ISLNK(status.st_mode):
        if not folders.holds_link(inner):
            raise ValueError(f'"{cell}" is a link that leaves {root}; copy the file, or set `allow_links: true`')
        status = _followed(path, cell)
    if status is None or not stat.S_ISREG(status.st_mode):
        raise ValueError(f'"{cell}" is no existing regular file{_hint(path, cell)}')
    return path


def _path(written: str, root: Path) -> Path:
    """ "./a.jpg" and "a.jpg" are one picture, and so is an absolute path that reaches the root over a link."""
    path = root / posixpath.normpath(written)
    if written.startswith("/") and not _inside(str(path), str(root)):
        real = os.path.realpath(path.parent)
        return Path(real, path.name) if _inside(real, str(root)) else path
    return path


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def _status(path: Path, cell: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ValueError(f'"{cell}" can\'t be read: {error.strerror}') from error


def _followed(path: Path, cell: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f'"{cell}" can\'t be read: {error.strerror}') from error


def _outside(cell: str, root: Path) -> str:
    """Why a path isn't within the root, with what to do."""
    windows = PureWindowsPath(cell)
    if PurePosixPath(cell).is_absolute() or windows.drive or windows.root:
        return f'"{cell}" is an absolute path outside {root}; write it relative, or name its folder as `image_root`'
    return f'"{cell}" leaves {root}; copy the file there, or name a folder above both as `image_root`'


def _hint(path: Path, cell: str) -> str:
    """The file that is there under a name that a person takes for the same: other case, another form of accents."""
    if PureWindowsPath(cell).drive:
        return "; it is an absolute path of a Windows machine: write it relative to the pictures' folder"
    try:
        there = os.listdir(path.parent)
    except OSError:
        return ""
    wanted = _alike(path.name)
    return next((f'; there is "{name}"' for name in there if _alike(name) == wanted), "")


def _alike(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
