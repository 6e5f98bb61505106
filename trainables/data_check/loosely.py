"""A tree that a study refuses, read nevertheless, so that its pictures are looked at in the same check."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trainables.data.accounting import added
from trainables.data.reading.labels import natural_order
from trainables.data.reading.walk import Caption, top_of, walk
from trainables.data.samples import Split
from trainables.modalities import BUILT_IN, modality_of
from trainables.modality import Item


def loosely_read(source: Path) -> Split | None:
    """Every picture below the folders of `source`, whatever their shape and names; None where there is none.

    UserError where the folder can't be read.
    """
    root = source.resolve()
    top = top_of(root)
    walked = {name: walk(path, root) for name, path in top.folders.items()}
    rows = [(path, name) for name, found in walked.items() for path in found.pictures]
    if not rows:
        return None
    captions = {path: caption for found in walked.values() for path, caption in found.captions.items()}
    classes = tuple(natural_order({name for _, name in rows}))
    return Split(
        ids=tuple(path.relative_to(root).as_posix() for path, _ in rows),
        labels=np.array([classes.index(name) for _, name in rows], dtype=np.int64),
        classes=classes,
        inputs={name: tuple(_item(name, path, captions.get(path)) for path, _ in rows) for name in BUILT_IN},
        account=added([top.account, *(one.account for one in walked.values())]),
    )


def _item(modality: str, path: Path, caption: Caption | None) -> Item:
    kind = modality_of(modality)
    beside = kind.from_beside(caption.text) if caption is not None else None
    return kind.from_file(path) if beside is None else beside
