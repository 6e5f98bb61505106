"""A class-folder tree as samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
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


def class_folders(
    source: Path, classes: Sequence[str] | None = None
) -> tuple[dict[str, Path], Accounting]:
    """The folders directly in `source` by name, sorted, junk left out; and the account of what else lies there.

    Raises UserError where `source` isn't a folder, or where its shape isn't that of a tree of classes.
    """
    if not source.is_dir():
        raise UserError(
            f"A data set's folder must exist, but got {source}. "
            f"Check the path; a relative one starts here: {Path.cwd()}."
        )
    top = top_of(source)
    if fault := shape_fault(source, top, classes):
        raise UserError(fault)
    return dict(top.folders), top.account


def tree_samples(
    source: Path, classes: Sequence[str] | None, modalities: Sequence[str], options: ReadOptions
) -> Table:
    """The samples of a class-folder tree, sorted by id.

    Raises UserError where the tree has another shape, a class of train has no picture, or something is out of reach.
    """
    root = source.resolve()
    folders, beside = class_folders(root, classes)
    walked = {name: walk(folder, root, allow_links=options.allow_links) for name, folder in folders.items()}
    account = added([beside, *(one.account for one in walked.values())])
    refuse_blocking(source, account)
    _check_filled(source, walked, classes, options)
    paths = sorted(
        ((path, options.label(name)) for name, found in walked.items() for path in found.pictures),
        key=lambda pair: pair[0].relative_to(root).as_posix(),
    )
    captions = {path: caption for found in walked.values() for path, caption in found.captions.items()}
    wanted = in_order({*BUILT_IN, *modalities})
    return Table(
        [path.relative_to(root).as_posix() for path, _ in paths],
        [label for _, label in paths],
        {name: _items(name, [path for path, _ in paths], captions) for name in wanted},
        lambda row: str(paths[row][0]),
        replace(account, notes=tuple(_notes(folders, account))),
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


def _notes(folders: Mapping[str, Path], account: Accounting) -> list[str]:
    notes = []
    if texts := account.used.get(CAPTION_KIND):
        notes.append(f"the texts of {texts:,} pictures are those in the .txt files beside them, not their names")
    if note := nested_note(folders):
        notes.append(note)
    return notes
