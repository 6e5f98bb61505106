"""A class-folder tree as samples."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trainables.data.accounting import Accounting, added
from trainables.data.files import quoted
from trainables.data.reading.options import ReadOptions
from trainables.data.reading.shape import nested_note, shape_fault
from trainables.data.reading.table import Table
from trainables.data.reading.walk import CAPTION_KIND, Caption, Walked, refuse_blocking, top_of, walk
from trainables.errors import UserError
from trainables.modalities import BUILT_IN, in_order, modality_of
from trainables.modality import Item
from trainables.words import one_line


@dataclass(frozen=True)
class Tree:
    """What is in a tree of class folders."""

    root: Path  # resolved
    classes: Mapping[str, Walked]  # by the folder's name, sorted
    account: Accounting  # of all files below the root; of those below the chosen folders where some were chosen

    @property
    def captions(self) -> dict[Path, Caption]:
        """The text files beside pictures, by picture."""
        return {path: caption for found in self.classes.values() for path, caption in found.captions.items()}


def walk_tree(
    source: Path,
    *,
    only: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    allow_links: bool = False,
) -> Tree:
    """All pictures of a tree of class folders, and what became of every other file.

    `only`: of these folders alone. `classes`: those of train, where the tree is another split's.
    Raises UserError where `source` isn't a folder of class folders.
    """
    folders, beside = class_folders(source, classes, only)
    root = source.resolve()
    chosen = folders if only is None else {name: folders[name] for name in only}
    walked = {name: walk(root / name, root, allow_links=allow_links) for name in chosen}
    return Tree(root, walked, added([beside, *(one.account for one in walked.values())]))


def class_folders(
    source: Path, classes: Sequence[str] | None = None, only: Sequence[str] | None = None
) -> tuple[dict[str, Path], Accounting]:
    """The folders directly in `source` by name, sorted, junk left out; and the account of what else lies there.

    `classes`: those of train, where the tree is another split's. `only`: the folders that are taken, where not all are.

    Raises UserError where `source` isn't a folder, or where its shape isn't that of a tree of classes.
    """
    if not source.is_dir():
        raise UserError(
            f"A data set's folder must exist, but got {one_line(str(source))}. "
            f"Check the path; a relative one starts here: {Path.cwd()}."
        )
    top = top_of(source)
    if fault := shape_fault(source, top, classes, only):
        raise UserError(fault)
    return dict(top.folders), top.account


def tree_samples(source: Path, classes: Sequence[str] | None, modalities: Sequence[str], options: ReadOptions) -> Table:
    """The samples of a class-folder tree, sorted by id.

    Raises UserError where the tree has another shape, a class of train has no picture, or something is out of reach.
    """
    tree = walk_tree(source, classes=classes, allow_links=options.allow_links)
    refuse_blocking(source, tree.account)
    _check_filled(source, tree.classes, classes, options)
    start = len(str(tree.root).rstrip(os.sep)) + 1
    samples = sorted(
        (str(path)[start:].replace(os.sep, "/"), options.label(name), path)
        for name, found in tree.classes.items()
        for path in found.pictures
    )
    paths, captions = [path for _, _, path in samples], tree.captions
    return Table(
        [sample_id for sample_id, _, _ in samples],
        [label for _, label, _ in samples],
        {name: _items(name, paths, captions) for name in in_order({*BUILT_IN, *modalities})},
        lambda row: str(paths[row]),
        replace(tree.account, notes=tuple(_notes(tree))),
    )


def _check_filled(
    source: Path, walked: Mapping[str, Walked], classes: Sequence[str] | None, options: ReadOptions
) -> None:
    """UserError where a class of train has no picture; other splits may lack one."""
    filled = Counter({options.label(name): 0 for name in walked})
    for name, found in walked.items():
        filled[options.label(name)] += len(found.pictures)
    empty = [name for name, number in filled.items() if not number]
    if classes is None and empty and len(empty) < len(filled):
        raise UserError(
            f"Every class of train needs pictures, but in {source} these folders have none: {quoted(empty)}. "
            f"Add pictures, or remove the folder.{_what_is_there(empty, walked)}"
        )


def _what_is_there(empty: Sequence[str], walked: Mapping[str, Walked]) -> str:
    """What the folders hold instead of pictures."""
    account = added([walked[name].account for name in empty if name in walked])
    kinds = {**account.listed_kinds, **account.junk}
    held = ", ".join(f"{number:,} {kind}" for kind, number in kinds.items())
    reasons = list(dict.fromkeys(one.reason for one in account.listed))[:3]
    return f" They hold {held}: {'; '.join(reasons)}." if reasons else f" They hold {held}." if held else ""


def _items(name: str, paths: Sequence[Path], captions: Mapping[Path, Caption]) -> list[Item]:
    modality = modality_of(name)
    if not captions:
        return [modality.from_file(path) for path in paths]
    beside = [modality.from_beside(captions[path].text) if path in captions else None for path in paths]
    return [modality.from_file(path) if item is None else item for path, item in zip(paths, beside, strict=True)]


def _notes(tree: Tree) -> list[str]:
    notes = []
    if texts := tree.account.used.get(CAPTION_KIND):
        notes.append(f"the texts of {texts:,} pictures are those in the .txt files beside them, not their names")
    if note := nested_note({name: tree.root / name for name in tree.classes}):
        notes.append(note)
    return notes
