"""One folder of classes -> train, val and test, with duplicates left out and look-alikes kept together."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from trainables.data.files import class_folders, new_folder, pictures_below, quoted, require_free
from trainables.data.making.candidates import Candidate
from trainables.data.making.import_options import ImportOptions, ImportReport, write_left_out
from trainables.data.making.placing import place_pictures, write_table
from trainables.data.making.split_up import SplitUp, split_up
from trainables.data.making.study_lines import data_lines
from trainables.errors import UserError
from trainables.names import SPLIT_FOLDERS
from trainables.words import one_line


def import_folder(
    source: Path,
    destination: Path,
    options: ImportOptions,
    *,
    classes: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Copy, link or list the pictures of the class folders of `source`.

    Copies and hard links lie in `destination/{Train,Val,Test}/<Class>/`; lists are `destination/{train,val,test}.csv`,
    whose pictures stay where they are. Each class is shared out as asked. Samples that belong together by `group_by`
    stay in one split, and so do those that are tied to each other by a left-out duplicate. Of equal pictures (same
    decoded pixels) in one class the first is kept, under two classes none. `destination/left_out.csv` lists what was
    left out and why. `progress` gets the pictures checked so far and all.

    Raises UserError where the source or a class is missing, the destination isn't free or the disk too full, a group is
    larger than any split, or a class has too few groups for three splits.
    """
    folders = _chosen_folders(source, destination, classes)
    root = source.resolve()
    made = split_up(_candidates(folders, root), destination, options, progress=progress)
    with new_folder(destination) as folder:
        copied = _fill(folder, made, options)
        write_left_out(folder, made.left_out)
    lists = options.pictures == "list"
    config = data_lines(destination, lists=lists, image_root=root if lists else None)
    return made.report(destination, options, config, copied)


def _chosen_folders(source: Path, destination: Path, classes: Sequence[str] | None) -> dict[str, Path]:
    found = class_folders(source)
    require_free(destination)
    if Path(os.path.realpath(destination)).is_relative_to(source.resolve()):
        raise UserError(
            f"The destination must lie outside the source {source}, but got {destination}. Name another one."
        )
    chosen = sorted(found if classes is None else set(classes))
    there = quoted([one_line(name) for name in found])
    if unknown := [one_line(name) for name in chosen if name not in found]:
        raise UserError(f"Every class must be a folder in {source}, but {quoted(unknown)} isn't. These exist: {there}.")
    if len(chosen) < 2:
        raise UserError(
            f"At least two classes are needed, but got {quoted([one_line(name) for name in chosen])} of {source}. "
            f"Folders there: {there}."
        )
    return {name: found[name] for name in chosen}


def _candidates(folders: Mapping[str, Path], root: Path) -> list[Candidate]:
    """Every picture, sorted by file."""
    places = [(path, label) for label, folder in folders.items() for path in pictures_below(root / folder.name, root)]
    found = (Candidate(path.relative_to(root).as_posix(), path.stem, label, path) for path, label in places)
    return sorted(found, key=lambda one: one.place)


def _fill(folder: Path, made: SplitUp, options: ImportOptions) -> int:
    """Write the three splits; how many pictures are copies."""
    if options.pictures == "list":
        for number, split in enumerate(SPLIT_FOLDERS):
            ours = [made.candidates[row] for row, own in made.splits.items() if own == number]
            rows = ([one.name, one.label, one.place] for one in ours)
            write_table(folder / f"{split.lower()}.csv", ["text", "label", "image"], rows)
        return 0
    jobs = [
        (path, f"{SPLIT_FOLDERS[split]}/{made.candidates[row].label}")
        for row, split in made.splits.items()
        if (path := made.candidates[row].path) is not None
    ]
    return place_pictures(jobs, folder, options.pictures).copied
