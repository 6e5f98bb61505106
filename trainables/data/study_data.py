"""What a study keeps of its data: the samples of train and val, as columns, packed.

`data.jsonl.gz` has one JSON value a line: a head with the classes and what follows, then each split's columns, one a
line: ids, labels as numbers of the classes, and the modalities' items. `zcat data.jsonl.gz` shows it. Test is left out
on purpose: what trials can't read, they can't tune on. An earlier version's `data.json` has an object a sample.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from trainables.data.files import quoted
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.modalities import modality_of, names
from trainables.names import OLD_DATA_FILE, TRAIN, VAL

FORMAT: Final = 2  # 1: `data.json`
LEVEL: Final = 5  # of packing: a third of the time of 9, and 4 % more
CHUNK: Final = 8_192  # values that are written at a time
_IDS, _LABELS = "ids", "labels"


def packed(train: Split, val: Split) -> bytes:
    """The file's content; the same splits give the same bytes."""
    if train.classes != val.classes:
        raise ValueError(f"train and val must share their classes, but got {train.classes} and {val.classes}.")
    splits = {TRAIN: train, VAL: val}
    head = {
        "format": FORMAT,
        "classes": list(train.classes),
        "splits": {name: {"samples": len(split), "modalities": list(split.inputs)} for name, split in splits.items()},
    }
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=LEVEL, mtime=0) as stream:
        stream.write(json.dumps(head).encode() + b"\n")
        for split in splits.values():
            _write_column(stream, split.ids)
            _write_column(stream, split.labels.tolist())
            for name, items in split.inputs.items():
                to_json = modality_of(name).to_json
                _write_column(stream, [None if item is None else to_json(item) for item in items])
    return buffer.getvalue()


def _write_column(stream: gzip.GzipFile, values: Sequence[Any]) -> None:
    """A JSON list in one line, in parts: a million texts are never one string."""
    stream.write(b"[")
    for start in range(0, len(values), CHUNK):
        part = json.dumps(values[start : start + CHUNK], separators=(",", ":"))[1:-1]
        stream.write(b"," * (start > 0) + part.encode())
    stream.write(b"]\n")


def read_study_data(path: Path) -> dict[str, Split]:
    """The splits `train` and `val` of a study's data file; of an earlier version's where only that is there.

    Raises:
        UserError: there is none, or it isn't what `packed` gives.
    """
    older = path.with_name(OLD_DATA_FILE)
    if not path.exists() and older.exists():
        path = older
    try:
        with path.open("rb") as stream:
            if path == older:
                return _older_splits(json.loads(stream.read().decode("utf-8")))
            with gzip.GzipFile(fileobj=stream) as unpacked:
                return _splits(unpacked)
    except UserError:  # a modality that isn't installed
        raise
    except gzip.BadGzipFile as error:
        raise UserError(_damaged(path, error)) from error
    except (EOFError, zlib.error, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise UserError(_damaged(path, error)) from error
    except OSError as error:
        raise UserError(f"{path} must be there, but {error.strerror}. Copy the whole study, or resume it.") from error


def _damaged(path: Path, error: Exception) -> str:
    return f"{path} must be as the search wrote it, but it is damaged ({error}). Resume the study."


def _splits(lines: Iterable[bytes]) -> dict[str, Split]:
    """The splits of the file's lines. ValueError and its like where they are damaged."""
    columns = iter(lines)
    head = json.loads(next(columns, b""))
    classes = tuple(map(str, head["classes"]))
    if head["format"] != FORMAT or list(head["splits"]) != [TRAIN, VAL]:
        raise ValueError(f"it has the format {head['format']} and the splits {quoted(list(head['splits']))}")
    found = {name: _split(classes, about, columns) for name, about in head["splits"].items()}
    if rest := next(columns, b""):
        raise ValueError(f"{len(rest)} bytes or more are too many")
    return found


def _split(classes: tuple[str, ...], about: Mapping[str, Any], columns: Iterator[bytes]) -> Split:
    given = list(about["modalities"])
    ids, labels = map(str, _column(columns, about)), np.array(_column(columns, about), dtype=np.int64)
    read = {name: _items(name, _column(columns, about)) for name in given}
    split = Split(tuple(ids), labels, classes, {name: read[name] for name in names() if name in read})
    _check(split)
    return split


def _column(columns: Iterator[bytes], about: Mapping[str, Any]) -> list[Any]:
    values = json.loads(next(columns, b""))
    if not isinstance(values, list) or len(values) != about["samples"]:
        raise ValueError("a column has another length than it should")
    return values


def _items(name: str, values: Sequence[Any]) -> tuple[Any, ...]:
    from_json = modality_of(name).from_json
    return tuple(None if value is None else from_json(value) for value in values)


def _check(split: Split) -> None:
    if len(split) and not (split.labels.min() >= 0 and split.labels.max() < len(split.classes)):
        raise ValueError("a label is none of the classes")
    if len(set(split.ids)) != len(split):
        raise ValueError("an id occurs twice")


def _older_splits(raw: Mapping[str, Any]) -> dict[str, Split]:
    """The splits of an earlier version's `data.json`."""
    if set(raw) != {"classes", TRAIN, VAL}:
        raise ValueError(f"it holds {quoted(sorted(raw))}, not classes, {TRAIN} and {VAL} alone")
    classes = tuple(raw["classes"])
    return {name: _older_split(raw[name], classes) for name in (TRAIN, VAL)}


def _older_split(samples: Sequence[Mapping[str, Any]], classes: tuple[str, ...]) -> Split:
    held = sorted(set(samples[0]) - {"id", "label"}) if samples else []
    if any(set(sample) != {"id", "label", *held} for sample in samples):
        raise ValueError("its samples have different keys")
    place = {name: number for number, name in enumerate(classes)}
    labels = np.array([place[sample["label"]] for sample in samples], dtype=np.int64)
    inputs = {name: _items(name, [sample[name] for sample in samples]) for name in held}
    ids = tuple(str(sample["id"]) for sample in samples)
    split = Split(ids, labels, classes, {name: inputs[name] for name in names() if name in inputs})
    _check(split)
    return split
