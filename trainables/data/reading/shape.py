"""Folders that aren't shaped as a tree of classes: a level too high or too low, or splits where classes should be."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from trainables.data.files import listed, quoted
from trainables.data.reading.kinds import junk_folder
from trainables.data.reading.labels import label_key, shown_label
from trainables.data.reading.walk import Top
from trainables.names import TEST, TRAIN, VAL
from trainables.runtime.texts import is_picture_name
from trainables.words import printable

_SPLIT_NAMES: Final = {
    TRAIN: ("train", "training"),
    VAL: ("val", "valid", "validation", "dev", "eval"),
    TEST: ("test", "testing"),
}
_DEPTH: Final = 8  # folders within folders that are looked into


def shape_fault(source: Path, top: Top, classes: Sequence[str] | None, only: Sequence[str] | None = None) -> str | None:
    """What is wrong with the shape of a tree, with the lines or commands that put it right; None where nothing is.

    `classes`: those of train, where the tree is another split's. `only`: the folders that are taken, where not all are.
    """
    if top.loose:
        return _loose(source, top)
    inside = {name: _folders(path) for name, path in top.folders.items()}
    return (
        _splits_inside(source, top.folders)
        or _wrapped(source, top.folders, classes)
        or _splits_in_classes(source, top.folders, inside)
        or _classes_in_classes(source, [name for name in top.folders if only is None or name in only], inside)
    )


def _loose(source: Path, top: Top) -> str:
    """Pictures that lie directly in the folder have no class."""
    loose = listed([printable(name) for name in top.loose])
    text = f"Every picture must lie in its class's folder, but these lie directly in {source}:\n{loose}\n"
    parent = source.resolve().parent
    if not top.folders and sum(_has_pictures(folder) for folder in _folders(parent)) > 1:
        return (
            f"{text}Is {source.name} one class of several? Then name the folder above it: {_named(parent)}, or move "
            "each picture into its class's folder."
        )
    return f"{text}Move them into a class's folder or out of the data set."


def _splits_inside(source: Path, folders: Mapping[str, Path]) -> str | None:
    """A folder of Train, Val and Test given as one tree."""
    found = split_folders(folders)
    if TRAIN not in found or len(found) < 2 or any(_has_pictures(path) for path in found.values()):
        return None
    if not all(_folders(path) for path in found.values()):
        return None
    lines = "\n".join(f"    {name}: {path}" for name, path in found.items())
    names = quoted([path.name for path in found.values()])
    return (
        f"A split must be a folder of class folders, but {source} holds the splits {names} themselves. Name each of "
        f"them in the study:\n  data:\n{lines}"
    )


def split_folders(folders: Mapping[str, Path]) -> dict[str, Path]:
    """Train, val and test among folders (or files, by their stems), however they are spelled."""
    found: dict[str, Path] = {}
    for split, names in _SPLIT_NAMES.items():
        for name, path in folders.items():
            plain = name.casefold()
            if plain in names or plain.rpartition("_")[2] in names:  # Final_dataset_Train
                found.setdefault(split, path)
    return found


def _wrapped(source: Path, folders: Mapping[str, Path], classes: Sequence[str] | None) -> str | None:
    """One folder more than there should be around the class folders."""
    if len(folders) != 1 or (classes is not None and set(folders) <= set(classes)):
        return None
    inner = next(iter(folders.values()))
    for _ in range(_DEPTH):
        if _has_pictures(inner):
            return None
        below = _folders(inner)
        if len(below) != 1:
            break
        inner = below[0]
    below = _folders(inner)
    if splits := _splits_inside(inner, {path.name: path for path in below}):
        return splits
    if not any(map(_has_pictures, below)):
        return None
    return (
        f"A split must be a folder of class folders, but {source} holds one folder alone, and the class folders "
        f"{_some(below)} lie in {inner}. {_name_it(inner)}"
    )


def _splits_in_classes(source: Path, folders: Mapping[str, Path], inside: Mapping[str, Sequence[Path]]) -> str | None:
    """Train, val and test within each class's folder, instead of the classes within each split's."""
    named = {name: split_folders({path.name: path for path in below}) for name, below in inside.items()}
    split = {name: found for name, found in named.items() if TRAIN in found and len(found) > 1}
    if not split or any(map(_has_pictures, (folders[name] for name in split))):
        return None
    target = source.with_name(f"{source.name}_splits")
    moves = [
        f"mkdir -p {_shell(target / one)} && mv {_shell(path)} {_shell(target / one / name)}"
        for name, found in split.items()
        for one, path in found.items()
    ]
    return (
        f"Each split must be a folder of class folders, but in {source} the folders of the splits lie within those of "
        f"the classes {quoted(list(split))}. Turn them round:\n" + "\n".join(f"  {move}" for move in moves[:60])
    )


def _classes_in_classes(source: Path, classes: Sequence[str], inside: Mapping[str, Sequence[Path]]) -> str | None:
    """A class's folder that holds a folder named as another class: its pictures would count to the wrong one."""
    keys = {label_key(name): name for name in classes}
    found = [
        (path, name, other)
        for name in classes
        for path in inside[name]
        if (other := keys.get(label_key(path.name), name)) != name and _has_pictures(path)
    ]
    if not found:
        return None
    lines = [
        f"{path}: in the folder of the class {shown_label(name)}, named as the class {shown_label(other)}"
        for path, name, other in found
    ]
    moves = [f"mv {_shell(path)}/* {_shell(source / other)}/" for path, _, other in found]
    return (
        f"A sub-folder counts to its class, so it must not be named as another class, but:\n{listed(lines)}\n"
        "Move its pictures, or give it another name:\n" + "\n".join(f"  {move}" for move in moves[:5])
    )


def nested_note(folders: Mapping[str, Path]) -> str | None:
    """What is to be said of class folders that hold nothing but folders: perhaps those are the classes."""
    nested = {
        name: below for name, path in folders.items() if not _has_pictures(path) and len(below := _folders(path)) > 1
    }
    if not nested:
        return None
    said = "; ".join(f"{shown_label(name)} of {_some(below)}" for name, below in list(nested.items())[:3])
    more = f"; and {len(nested) - 3} more" if len(nested) > 3 else ""
    return (
        f"all pictures of {len(nested)} class{'es' if len(nested) > 1 else ''} lie in sub-folders, which count to it: "
        f"{said}{more}"
    )


def _folders(folder: Path) -> list[Path]:
    """The folders directly in one that may hold samples, sorted; none where it can't be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(one.path) for one in entries if not junk_folder(one.name) and _is_folder(one))
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _has_pictures(folder: Path) -> bool:
    """Whether a picture lies directly in a folder, by the names alone."""
    try:
        with os.scandir(folder) as entries:
            return any(is_picture_name(one.name) and not one.name.startswith(".") for one in entries)
    except OSError:
        return False


def _some(folders: Sequence[Path]) -> str:
    names = [path.name for path in folders]
    return quoted(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _name_it(folder: Path) -> str:
    return f"Name that one: {_named(folder)}."


def _named(folder: Path) -> str:
    return f"{folder} (as `data.train` of a study, or `binwise data import {_shell(folder)} DEST`)"


def _shell(path: Path) -> str:
    return shlex.quote(str(path))
