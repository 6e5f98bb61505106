"""One folder of classes -> train, val and test, with duplicates left out and look-alikes kept together."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from trainables.data.files import copy_file, new_folder, quoted, require_free
from trainables.data.making.candidates import Candidate, LeftOut
from trainables.data.making.import_options import ImportOptions, ImportReport, write_left_out
from trainables.data.making.placing import place_pictures, write_table
from trainables.data.making.split_up import SplitUp, split_up
from trainables.data.making.study_lines import data_lines
from trainables.data.reading.tree_rows import Tree, class_folders, walk_tree
from trainables.data.reading.walk import Caption, refuse_blocking
from trainables.errors import UserError
from trainables.names import IMAGE_COLUMN, LABEL_COLUMN, SPLIT_FOLDERS, TEXT_COLUMN
from trainables.runtime.texts import name_text
from trainables.words import one_line


def import_folder(
    source: Path,
    destination: Path,
    options: ImportOptions,
    *,
    caches: Path,
    classes: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Copy, link or list the pictures of the class folders of `source`.

    Copies and hard links lie in `destination/{Train,Val,Test}/<Class>/`, the captions beside pictures too; lists are
    `destination/{train,val,test}.csv`, whose pictures stay where they are. Each class is shared out as asked. Samples
    that belong together by `group_by` stay in one split, and so do those that are tied to each other by a left-out
    duplicate. Of equal pictures (same decoded pixels) in one class the first is kept, under two classes none.
    `destination/left_out.csv` lists what isn't taken and why. `caches` is the folder of all caches; `progress` gets the
    pictures looked at so far and all.

    Raises UserError where the source or a class is missing, a class has two spellings, files are out of reach, the
    destination isn't free or the disk too full, a group is larger than any split, or a class has too few groups for
    three splits.
    """
    chosen = _chosen_folders(source, destination, classes)
    tree = walk_tree(source, only=chosen)
    refuse_blocking(source, tree.account)
    made = split_up(_candidates(tree), source, destination, options, caches=caches, progress=progress)
    listed = [*made.left_out, *(LeftOut(one.file, one.reason) for one in tree.account.listed)]
    made = replace(made, left_out=tuple(sorted(listed, key=lambda one: one.file)))
    with new_folder(destination) as folder:
        copied = _fill(folder, made, options, tree.captions)
        write_left_out(folder, made.left_out)
    lists = options.pictures == "list"
    config = data_lines(destination, lists=lists, image_root=tree.root if lists else None)
    return replace(made.report(destination, options, config, copied), account=tree.account)


def _chosen_folders(source: Path, destination: Path, classes: Sequence[str] | None) -> list[str]:
    found, _ = class_folders(source, only=classes)
    require_free(destination)
    if Path(os.path.realpath(destination)).is_relative_to(source.resolve()):
        raise UserError(
            f"The destination must lie outside the source {source}, but got {destination}. Name another one."
        )
    chosen = sorted(found if classes is None else set(classes))
    if odd := [name for name in chosen if not _is_utf8(name)]:
        shown = quoted([os.fsencode(name).decode("utf-8", "backslashreplace") for name in odd])
        raise UserError(
            f"The name of a class must be UTF-8, but these folders' of {source} aren't: {shown}. Rename them."
        )
    there = quoted([one_line(name) for name in found])
    if unknown := [one_line(name) for name in chosen if name not in found]:
        raise UserError(f"Every class must be a folder in {source}, but {quoted(unknown)} isn't. These exist: {there}.")
    if len(chosen) < 2:
        raise UserError(
            f"At least two classes are needed, but got {quoted([one_line(name) for name in chosen])} of {source}. "
            f"Folders there: {there}."
        )
    return chosen


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _candidates(tree: Tree) -> list[Candidate]:
    """Every picture, sorted by file."""
    captions = tree.captions
    found = (
        Candidate(
            place=path.relative_to(tree.root).as_posix(),
            name=captions[path].text if path in captions else name_text(path.name),
            label=label,
            path=path,
        )
        for label, walked in tree.classes.items()
        for path in walked.pictures
    )
    return sorted(found, key=lambda one: one.place)


def _fill(folder: Path, made: SplitUp, options: ImportOptions, captions: Mapping[Path, Caption]) -> int:
    """Write the three splits; how many pictures are copies."""
    if options.pictures == "list":
        for number, split in enumerate(SPLIT_FOLDERS):
            ours = [made.candidates[row] for row, own in made.splits.items() if own == number]
            rows = ([one.name, one.label, one.place] for one in ours)
            write_table(folder / f"{split.lower()}.csv", [TEXT_COLUMN, LABEL_COLUMN, IMAGE_COLUMN], rows)
        return 0
    jobs = [
        (path, f"{SPLIT_FOLDERS[split]}/{made.candidates[row].label}")
        for row, split in made.splits.items()
        if (path := made.candidates[row].path) is not None
    ]
    placed = place_pictures(jobs, folder, options.pictures)
    for (path, _), file in zip(jobs, placed.files, strict=True):
        if path in captions:
            copy_file(captions[path].file, (folder / file).with_suffix(".txt"))
    return placed.copied
