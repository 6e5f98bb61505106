"""One folder of classes -> train, val and test, with duplicates left out and look-alikes kept together."""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainables.data.accounting import Accounting
from trainables.data.check.names import joined, name_key
from trainables.data.files import new_folder, quoted, require_free
from trainables.data.making import grouping
from trainables.data.pictures.load import PIXEL_LIMIT, picture_fault, read_picture
from trainables.data.reading.tree_rows import Tree, class_folders, walk_tree
from trainables.data.reading.walk import Caption
from trainables.errors import UserError
from trainables.names import SPLIT_FOLDERS
from trainables.words import harmless_cell

LEFT_OUT_FILE = "left_out.csv"


@dataclass(frozen=True)
class LeftOut:
    """A picture that no split has."""

    file: str  # relative to the source
    reason: str


@dataclass(frozen=True)
class ImportReport:
    """What an import wrote: pictures by split and class, groups, and what was left out."""

    destination: Path
    counts: dict[str, dict[str, int]]  # pictures by split folder and class
    groups: int  # sets of pictures that stayed together, those of one picture counted too
    left_out: tuple[LeftOut, ...]  # sorted by file
    account: Accounting  # of every file below the class folders; `taken` counts duplicates and unusable pictures, too


@dataclass(frozen=True)
class _Picture:
    path: Path
    file: str  # relative to the source
    label: str
    digest: str  # of the decoded pixels; empty where there is a fault
    fault: str | None


def import_folder(
    source: Path,
    destination: Path,
    *,
    val: float,
    test: float,
    seed: int,
    classes: Sequence[str] | None = None,
    pixel_limit: int = PIXEL_LIMIT,
    progress: Callable[[int, int], None] | None = None,
    group_names: bool = True,
) -> ImportReport:
    """Copy the class folders of `source` to `destination/{Train,Val,Test}/<Class>/`.

    `val` and `test` are shares (0 to 1) of each class; train gets the rest. Pictures whose names differ only in digits,
    case and separators stay in one split (unless `group_names` is off: for names that say nothing, such as `car_0001`),
    and so do those that are tied to each other by a left-out duplicate. Of equal pictures (same decoded pixels) in one
    class the first is kept, under two classes none. `destination/left_out.csv` lists what was left out and why. The
    same `seed` (0 or more) gives the same splits. `progress` gets the pictures checked so far and all.

    Raises UserError where the source or a class is missing, the shares leave nothing, the destination isn't free, or a
    class has too few groups for three splits.
    """
    _check_numbers(val, test, seed)
    folders = _chosen_folders(source, destination, classes)
    tree = walk_tree(source, only=sorted(folders))
    pictures = _examine(tree, pixel_limit, progress)
    left_out = _left_out(pictures)
    labels = sorted(folders)
    groups, splits = _split_groups(
        pictures, left_out, labels, shares=(1 - val - test, val, test), seed=seed, group_names=group_names
    )
    report = ImportReport(
        destination=destination,
        counts={name: dict.fromkeys(labels, 0) for name in SPLIT_FOLDERS},
        groups=len(groups),
        left_out=_all_left_out(pictures, left_out, tree.account),
        account=tree.account,
    )
    dealt = sorted((member, int(split)) for group, split in zip(groups, splits, strict=True) for member in group)
    with new_folder(destination) as folder:
        _fill(folder, [(pictures[member], SPLIT_FOLDERS[split]) for member, split in dealt], tree, report)
    return report


def _fill(folder: Path, dealt: Sequence[tuple[_Picture, str]], tree: Tree, report: ImportReport) -> None:
    """Copy the pictures into their splits, count them in the report, and list what was left out."""
    taken: set[str] = set()
    captions = tree.captions
    for picture, split in dealt:
        _copy(picture, folder / split, taken, captions.get(picture.path))
        report.counts[split][picture.label] += 1
    _write_left_out(folder / LEFT_OUT_FILE, report.left_out)


def _check_numbers(val: float, test: float, seed: int) -> None:
    if seed < 0:
        raise UserError(f"`seed >= 0` must hold, but got seed={seed}.")
    if not (0 < val < 1 and 0 < test < 1 and val + test < 1):
        raise UserError(
            f"`0 < val`, `0 < test` and `val + test < 1` must hold, but got val={val} and test={test}. "
            "They are shares of all pictures: 0.15 is 15 %."
        )


def _chosen_folders(source: Path, destination: Path, classes: Sequence[str] | None) -> dict[str, Path]:
    found, _ = class_folders(source)
    require_free(destination)
    if Path(os.path.realpath(destination)).is_relative_to(source.resolve()):
        raise UserError(
            f"The destination must lie outside the source {source}, but got {destination}. Name another one."
        )
    chosen = sorted(found if classes is None else set(classes))
    if unknown := [name for name in chosen if name not in found]:
        raise UserError(
            f"Every class must be a folder in {source}, but {quoted(unknown)} isn't. "
            f"These exist: {quoted(list(found))}."
        )
    if len(chosen) < 2:
        raise UserError(
            f"At least two classes are needed, but got {quoted(chosen)} of {source}. "
            f"Folders there: {quoted(list(found))}."
        )
    return {name: found[name] for name in chosen}


def _examine(tree: Tree, pixel_limit: int, progress: Callable[[int, int], None] | None) -> list[_Picture]:
    """Every picture, sorted by file, decoded once; Pillow decodes outside Python's lock, so threads do."""
    places = [(path, label) for label, found in tree.classes.items() for path in found.pictures]

    def examine(place: tuple[Path, str]) -> _Picture:
        path, label = place
        file = path.relative_to(tree.root).as_posix()
        try:
            picture = read_picture(path, pixel_limit)
        except UserError:
            return _Picture(path, file, label, "", picture_fault(path, pixel_limit) or "unreadable")
        shape = f"{picture.width}x{picture.height}:".encode()
        return _Picture(path, file, label, hashlib.sha256(shape + picture.tobytes()).hexdigest(), None)

    pictures: list[_Picture] = []
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for picture in pool.map(examine, places):
            pictures.append(picture)
            if progress is not None:
                progress(len(pictures), len(places))
    return sorted(pictures, key=lambda picture: picture.file)


def _left_out(pictures: Sequence[_Picture]) -> dict[int, str]:
    """Positions of what no split gets, and why."""
    reasons = {member: picture.fault for member, picture in enumerate(pictures) if picture.fault is not None}
    same: dict[str, list[int]] = {}
    for member, picture in enumerate(pictures):
        if picture.fault is None:
            same.setdefault(picture.digest, []).append(member)
    for members in same.values():
        if len({pictures[member].label for member in members}) > 1:
            reasons |= {member: _conflict(pictures, member, members) for member in members}
        else:
            reasons |= dict.fromkeys(members[1:], f"same picture as {pictures[members[0]].file}")
    return reasons


def _all_left_out(pictures: Sequence[_Picture], left_out: dict[int, str], account: Accounting) -> tuple[LeftOut, ...]:
    """Pictures that no split gets, and files that aren't pictures to be read, sorted by file."""
    found = [LeftOut(pictures[member].file, reason) for member, reason in left_out.items()]
    found += [LeftOut(one.file, one.reason) for one in account.listed]
    return tuple(sorted(found, key=lambda one: one.file))


def _conflict(pictures: Sequence[_Picture], member: int, members: Iterable[int]) -> str:
    other = next(o for o in members if pictures[o].label != pictures[member].label)
    return f"same picture as {pictures[other].file}, under another class"


def _split_groups(
    pictures: Sequence[_Picture],
    left_out: dict[int, str],
    labels: Sequence[str],
    *,
    shares: tuple[float, float, float],
    seed: int,
    group_names: bool,
) -> tuple[list[list[int]], NDArray[np.int64]]:
    """Groups of positions in `pictures` and the split (0, 1, 2) of each."""
    ties = joined([_keys(picture, group_names) for picture in pictures])
    groups = [kept for group in ties if (kept := [member for member in group if member not in left_out])]
    members = np.zeros((len(groups), len(labels)), dtype=np.int64)
    for row, group in enumerate(groups):
        for member in group:
            members[row, labels.index(pictures[member].label)] += 1
    splits = grouping.deal(members, shares, np.random.default_rng(seed))
    if short := {label for _, label in grouping.lacking(splits, members, len(shares))}:
        raise UserError(_too_few(short, members, labels, len(left_out), group_names))
    return groups, splits


def _keys(picture: _Picture, group_names: bool) -> list[tuple[str, str]]:
    name = name_key(picture.path.stem) if group_names else ""
    keys = [("name", name), ("digest", picture.digest)]
    return [key for key in keys if key[1]]


def _too_few(
    short: set[int], members: NDArray[np.int64], labels: Sequence[str], left_out: int, group_names: bool
) -> str:
    found = ", ".join(
        f'"{labels[c]}" has {np.count_nonzero(members[:, c])} ({members[:, c].sum()} pictures)' for c in sorted(short)
    )
    hint = " If the file names say nothing (`car_0001`), switch the grouping by names off." if group_names else ""
    return (
        "Every class needs at least three groups of pictures, one for each split, where pictures whose names differ "
        f"only in digits, case and separators are one group, but {found}; {left_out} pictures were left out as "
        f"unreadable or duplicates. Add pictures, or name other classes.{hint}"
    )


def _copy(picture: _Picture, split_folder: Path, taken: set[str], caption: Caption | None) -> None:
    """The picture, and the text file that lies beside it."""
    folder = split_folder / picture.label
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / _free_name(picture.path, f"{split_folder.name}/{picture.label}", taken)
    shutil.copy2(picture.path, target)
    if caption is not None:
        shutil.copy2(caption.file, target.with_suffix(caption.file.suffix))


def _free_name(path: Path, folder: str, taken: set[str]) -> str:
    """The file's own name, or with `_2`, `_3`, ... where a sub-folder before it had it, in any case of letters."""
    name, number = path.name, 1
    while f"{folder}/{name}".casefold() in taken:
        number += 1
        name = f"{path.stem}_{number}{path.suffix}"
    taken.add(f"{folder}/{name}".casefold())
    return name


def _write_left_out(file: Path, left_out: Sequence[LeftOut]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "reason"])
        writer.writerows([harmless_cell(item.file), harmless_cell(item.reason)] for item in left_out)
