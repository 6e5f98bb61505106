"""Many pictures predicted, some at a time: a line each, or a row of a CSV; those that can't be read are told."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from search.show.say import json_text, say
from trainables.errors import UserError
from trainables.words import counted, harmless_cell, one_line

if TYPE_CHECKING:
    from analysis.prediction import Prediction

CHUNK = 32  # pictures predicted at a time: memory doesn't grow with how many there are
COLUMNS = ("path", "predicted", "probability", "decided_by", "note", "error")
Row = dict[str, Any]  # by column
Take = Callable[[Row], None]


class Answering(Protocol):
    """What predicts."""

    def predict(self, given: Mapping[str, Any]) -> Prediction:
        """Of one sample."""

    def predict_alike(self, samples: Sequence[Mapping[str, Any]]) -> list[Prediction]:
        """Of samples that have the same modalities."""


def predict_pictures(models: Answering, given: Sequence[Path], out: Path | None, *, as_json: bool) -> None:
    """Predict pictures and folders of them; those that can't be read come last, as one error with exit code 2.

    Raises UserError where there is no picture at all.
    """
    from search.show.progress_bar import progress_bar

    paths = list(pictures_of(given))
    if not paths:
        raise UserError("`predict` needs a picture, but there is none in what was given: name files, or their folder.")
    faults = done = 0
    with _taken(out, as_json=as_json) as take, progress_bar("Predicting") as tell:
        for start in range(0, len(paths), CHUNK):
            for row in _rows(models, paths[start : start + CHUNK]):
                faults += row["error"] is not None
                take(row)
            done = min(start + CHUNK, len(paths))
            tell(done, len(paths))
    if out is not None:
        say(f"{counted(done, 'picture')} in {out}")
    if faults:
        raise UserError(f"Every picture must be one that can be read, but {faults:,} of {done:,} weren't: see above.")


def pictures_of(given: Sequence[Path]) -> Iterator[Path]:
    """The files that are named, and all pictures in the folders that are, sorted within each."""
    from trainables.runtime.texts import is_picture_name

    for path in given:
        if not path.is_dir():
            yield path
            continue
        for top, folders, names in os.walk(path):
            folders.sort()
            yield from (Path(top) / name for name in sorted(names) if is_picture_name(name))


def _rows(models: Answering, paths: Sequence[Path]) -> Iterator[Row]:
    """A row each: together where all can be read, else one by one."""
    from trainables.modalities import registered

    kinds = registered().items()
    samples = [{name: one.from_file(path) for name, one in kinds} for path in paths]
    try:
        yield from map(_row, paths, models.predict_alike(samples))
    except UserError:
        yield from (_alone(models, path, sample) for path, sample in zip(paths, samples, strict=True))


def _alone(models: Answering, path: Path, sample: Mapping[str, Any]) -> Row:
    try:
        return _row(path, models.predict(sample))
    except UserError as error:
        return {**dict.fromkeys(COLUMNS), "path": str(path), "error": str(error)}


def _row(path: Path, said: Prediction) -> Row:
    share = said.probabilities[said.decided_by][said.predicted]
    values = (str(path), said.predicted, round(share, 6), said.decided_by, said.note, None)
    return dict(zip(COLUMNS, values, strict=True))


@contextmanager
def _taken(out: Path | None, *, as_json: bool) -> Iterator[Take]:
    """What takes the rows: a CSV, which appears whole at the end, or lines on the terminal; faults go to stderr."""
    if out is None:
        yield _say_json if as_json else _say
        return
    beside = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with beside.open("w", newline="", encoding="utf-8", errors="backslashreplace") as stream:
            writer = csv.writer(stream)
            writer.writerow(COLUMNS)

            def take(row: Row) -> None:
                writer.writerow([harmless_cell(one) if isinstance(one, str) else one for one in row.values()])
                if row["error"] is not None:
                    _say(row)

            yield take
        beside.replace(out)
    except OSError as error:
        raise UserError(f"{out} must be a file that can be written, but: {error.strerror or error}.") from error
    finally:
        beside.unlink(missing_ok=True)


def _say_json(row: Row) -> None:
    say(json_text(row))


def _say(row: Row) -> None:
    if row["error"] is not None:
        say(f"{one_line(row['path'])}: {one_line(row['error'])}", err=True)
    else:
        say(f"{one_line(row['path'])}\t{one_line(row['predicted'])}\t{row['probability']:.3f}\t{row['decided_by']}")
