"""Folders and CSVs -> one table of samples."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.csv_table import read_csv
from trainables.data.files import class_folders, listed, pictures_below, quoted
from trainables.errors import UserError
from trainables.names import DATA_FILE, TRAIN, VAL


@dataclass(frozen=True)
class Split:
    """One split as a table, in a fixed order (sorted by id; a CSV without an image column keeps its rows' order)."""

    ids: tuple[
        str, ...
    ]  # (N,) unique; a class-folder tree: "<Class>/<file name>"; a CSV: its image column, else "row-<n>"
    texts: tuple[str, ...]  # (N,)
    labels: NDArray[np.int64]  # (N,) index into classes
    images: tuple[Path | None, ...]  # (N,) absolute paths; None only where a CSV has no image column
    classes: tuple[str, ...]  # sorted

    def __post_init__(self) -> None:
        sizes = {len(self.ids), len(self.texts), len(self.images), *self.labels.shape}
        if self.labels.ndim != 1 or len(sizes) != 1:
            raise ValueError(f"ids, texts, labels and images must be equally long, but got lengths {sorted(sizes)}.")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def label_names(self) -> tuple[str, ...]:
        """(N,) each sample's class by name."""
        return tuple(self.classes[label] for label in self.labels)

    def counts(self) -> dict[str, int]:
        """Samples per class, in the order of `classes`; 0 where the split has none."""
        numbers = np.bincount(self.labels, minlength=len(self.classes))
        return {name: int(number) for name, number in zip(self.classes, numbers, strict=True)}


@dataclass(frozen=True)
class _Row:
    """A sample before its class has a number, and where a person finds it."""

    id: str
    text: str
    label: str
    image: Path | None
    place: str


def read_split(
    source: Path, *, classes: Sequence[str] | None = None, need_images: bool = True, need_texts: bool = False
) -> Split:
    """The samples of a class-folder tree (`<Class>/*.jpg`) or of a CSV file (`text,label[,image]`).

    Without `classes` (train) the classes found are the classes, sorted; with them (val, test) no other class may occur,
    while one of them may be missing. In a tree, sub-folders of a class count to it, and a sample's text is its file
    name without the ending. In a CSV, `image` is relative to the CSV's folder; spaces around a label don't count.

    Raises UserError where the source is missing, empty or damaged, a class is unknown or has no picture (train), or
    fewer than two classes are found (train), or `need_images` and the CSV names no pictures, or `need_texts` and a text
    is empty or blank.
    """
    if source.is_dir():
        rows = _tree_rows(source, classes)
    elif source.is_file():
        rows = _csv_rows(source, need_images)
    else:
        raise UserError(
            f"A split must be a folder of class folders or a CSV file, but {source} doesn't exist. "
            f"Check the path; a relative one starts here: {Path.cwd()}."
        )
    if not rows:
        raise UserError(f"A split needs samples, but {source} has none. Expected: `<Class>/*.jpg`, or a CSV with rows.")
    if need_texts and (blank := [row.place for row in rows if is_blank(row.text)]):
        raise UserError(
            f"Every sample of a text search needs a text, but in {source} these have none:\n{listed(blank)}\n"
            "Write a text for each, or remove them."
        )
    names = tuple(classes) if classes is not None else _found_classes(rows, source)
    return _table(rows, names, source)


def is_blank(text: str) -> bool:
    """Whether a text has nothing to read: no character but spaces and what can't be seen."""
    return all(letter.isspace() or unicodedata.category(letter) in ("Cc", "Cf") for letter in text)


def _found_classes(rows: Sequence[_Row], source: Path) -> tuple[str, ...]:
    names = tuple(sorted({row.label for row in rows}))
    if len(names) < 2:
        raise UserError(
            f"At least two classes are needed, but {source} has {quoted(names)} alone. Is it the right folder or file?"
        )
    return names


def _table(rows: Sequence[_Row], classes: tuple[str, ...], source: Path) -> Split:
    place = {name: number for number, name in enumerate(classes)}
    unknown = [f'"{row.label}" ({row.place})' for row in rows if row.label not in place]
    if unknown:
        raise UserError(
            f"Every class must be one of train's ({quoted(classes)}), but {source} has others:\n{listed(unknown)}\n"
            "Correct the label, or add samples of this class to train."
        )
    return Split(
        ids=tuple(row.id for row in rows),
        texts=tuple(row.text for row in rows),
        labels=np.array([place[row.label] for row in rows], dtype=np.int64),
        images=tuple(row.image for row in rows),
        classes=classes,
    )


def _tree_rows(source: Path, classes: Sequence[str] | None) -> list[_Row]:
    root = source.resolve()
    folders = class_folders(root)
    if classes is not None and (unknown := sorted(set(folders) - set(classes))):
        raise UserError(
            f"Every class must be one of train's ({quoted(classes)}), but {source} has also the folders "
            f"{quoted(unknown)}. "
            "Rename or remove them, or add samples of this class to train."
        )
    pictures = {name: pictures_below(folder, root) for name, folder in folders.items()}
    empty = [name for name, paths in pictures.items() if not paths]
    if classes is None and empty and len(empty) < len(folders):
        raise UserError(
            f"Every class of train needs pictures, but in {source} these folders have none: {quoted(empty)}. "
            "Add pictures, or remove the folder."
        )
    rows = [_tree_row(path, name, root) for name, paths in pictures.items() for path in paths]
    return sorted(rows, key=lambda row: row.id)


def _tree_row(path: Path, label: str, root: Path) -> _Row:
    return _Row(id=path.relative_to(root).as_posix(), text=path.stem, label=label, image=path, place=str(path))


def _csv_rows(source: Path, need_images: bool) -> list[_Row]:
    header, table = read_csv(source)
    wanted = ["text", "label", *(["image"] if need_images else [])]
    if missing := [name for name in wanted if name not in header]:
        raise UserError(
            f"The CSV {source} must have the columns {quoted(wanted)}, but {quoted(missing)} is missing. "
            f"It has {quoted(header)}."
            + (" Name each row's picture, or search texts alone." if missing == ["image"] else "")
        )
    root = source.parent.resolve()
    faults: list[str] = []
    rows: list[_Row] = []
    for number, (line, cells) in enumerate(table, start=1):
        row = _csv_row(dict(zip(header, cells, strict=True)), number, f"line {line}", root, faults)
        if row is not None:
            rows.append(row)
    faults += [
        f'"{sample_id}": {n} rows name this picture'
        for sample_id, n in Counter(row.id for row in rows).items()
        if n > 1
    ]
    if faults:
        raise UserError(
            f"Every row of {source} needs a label and, where there is an image column, one picture of its own within "
            f"{root}, but:\n{listed(faults)}\nCorrect these rows."
        )
    return sorted(rows, key=lambda row: row.id) if "image" in header else rows


def _csv_row(cells: Mapping[str, str], number: int, place: str, root: Path, faults: list[str]) -> _Row | None:
    label = cells["label"].strip()
    if not label:
        faults.append(f"{place}: the label is empty")
        return None
    if "image" not in cells:
        return _Row(id=f"row-{number}", text=cells["text"], label=label, image=None, place=place)
    if (fault := _image_fault(cells["image"], root)) is not None:
        faults.append(f"{place}: {fault}")
        return None
    # "./a.jpg" and "a.jpg" are one picture: the same id tells.
    sample_id = posixpath.normpath(cells["image"])
    return _Row(id=sample_id, text=cells["text"], label=label, image=root / sample_id, place=place)


def _image_fault(cell: str, root: Path) -> str | None:
    """Why an image cell doesn't name a regular file within `root`; None where it does."""
    if not cell:
        return "the image is empty"
    if "://" in cell:
        return f'"{cell}" is a URL; only files are read'
    if PurePosixPath(cell).is_absolute() or PureWindowsPath(cell).drive or PureWindowsPath(cell).root:
        return f'"{cell}" is an absolute path; it must be relative to the CSV\'s folder'
    try:
        target = (root / posixpath.normpath(cell)).resolve()
        if not target.is_relative_to(root):
            return f'"{cell}" leaves the CSV\'s folder'
        return None if target.is_file() else f'"{cell}" is no existing regular file'
    except OSError as error:
        return f'"{cell}" can\'t be read: {error.strerror}'


def splits_to_json(train: Split, val: Split) -> dict[str, Any]:
    """What a study's `data.json` holds: the classes, and the samples of train and val.

    Test is left out on purpose: what trials can't read, they can't tune on.
    """
    if train.classes != val.classes:
        raise ValueError(f"train and val must share their classes, but got {train.classes} and {val.classes}.")
    return {"classes": list(train.classes), TRAIN: _samples_json(train), VAL: _samples_json(val)}


def _samples_json(split: Split) -> list[dict[str, str | None]]:
    table = zip(split.ids, split.texts, split.label_names, split.images, strict=True)
    return [
        {"id": sample_id, "text": text, "label": label, "image": None if image is None else str(image)}
        for sample_id, text, label, image in table
    ]


def read_study_data(path: Path) -> dict[str, Split]:
    """The splits `train` and `val` of a study's `data.json`.

    Raises UserError where there is none, or it isn't what `splits_to_json` writes.
    """
    try:
        return splits_from_json(json.loads(path.read_text("utf-8")))
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"{path} must be there, but {error.strerror}. Copy the whole study, or resume it.") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"{path} must be as the search wrote it, but it is damaged ({error}). Resume the study."
        ) from error


def splits_from_json(raw: Mapping[str, Any]) -> dict[str, Split]:
    """The splits `train` and `val` of a study's `data.json`.

    Raises UserError where the content isn't what `splits_to_json` writes.
    """
    if set(raw) != {"classes", TRAIN, VAL}:
        raise UserError(
            f"A study's {DATA_FILE} must hold exactly classes, {TRAIN} and {VAL}, but it holds "
            f"{quoted(sorted(raw))}. Restore the file."
        )
    classes = tuple(raw["classes"])
    return {name: _split_from_json(raw[name], classes, name) for name in (TRAIN, VAL)}


def _split_from_json(samples: Sequence[Mapping[str, Any]], classes: tuple[str, ...], name: str) -> Split:
    rows: list[_Row] = []
    for number, sample in enumerate(samples):
        place = f"{name}[{number}]"
        try:
            image = None if sample["image"] is None else Path(sample["image"])
            rows.append(_Row(str(sample["id"]), str(sample["text"]), str(sample["label"]), image, place))
        except (KeyError, TypeError) as error:
            raise UserError(
                f"Each sample in a study's {DATA_FILE} needs id, text, label and image, but {place} is "
                f"{sample!r}. Restore the file."
            ) from error
    if len({row.id for row in rows}) != len(rows):
        raise UserError(
            f"The ids in a study's {DATA_FILE} must be unique, but in {name} some occur twice. Restore the file."
        )
    return _table(rows, classes, Path(DATA_FILE))


def split_digest(split: Split) -> str:
    """SHA-256 (64 hexadecimal digits) over every sample's id, text, class name and picture size in bytes, in order.

    Times and absolute paths stay out, so that a copy on another machine has the same digest.
    Raises UserError where a picture is gone.
    """
    digest = hashlib.sha256()
    for sample_id, text, label, image in zip(split.ids, split.texts, split.label_names, split.images, strict=True):
        line = json.dumps([sample_id, text, label, None if image is None else _bytes_of(image)])
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def _bytes_of(image: Path) -> int:
    try:
        return image.stat().st_size
    except OSError as error:
        raise UserError(
            f"The data set's pictures must stay where they are, but {image} can't be read: {error.strerror}. "
            "Restore it."
        ) from error


def check_pairs(train: Split, val: Split) -> None:
    """Raises UserError that lists files which are in train and val, found by their resolved paths.

    Equal ids are no fault: in a tree they are relative to the split's own folder.
    """
    seen = {os.path.realpath(image) for image in train.images if image is not None}
    both = [str(image) for image in val.images if image is not None and os.path.realpath(image) in seen]
    if both:
        raise UserError(
            f"A picture must be in one split alone, but these are in train and in val:\n{listed(both)}\n"
            "Remove them from train, or name the right folders."
        )
