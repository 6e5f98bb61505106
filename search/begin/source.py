"""What someone's data are: splits that are there, or one folder or CSV that is to be split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainables.data.files import quoted
from trainables.data.reading.shape import split_folders
from trainables.errors import UserError
from trainables.names import TRAIN, VAL

YAML = (".yaml", ".yml")
CSV = ".csv"


@dataclass(frozen=True)
class Source:
    """Where the data are; `splits` by name, empty where they are still to be made."""

    path: Path
    splits: dict[str, Path]

    @property
    def name(self) -> str:
        """For a study: the folder's or the file's name."""
        return self.path.resolve().stem


def source_of(path: Path) -> Source:
    """What lies there. UserError where it is nothing that a study can read, or train or val is missing."""
    if path.suffix.lower() in YAML:
        raise UserError(
            f"A first study is made from data, but {path} is a study's file: run it with `binwise run {path}`."
        )
    if path.is_file() and path.suffix.lower() == CSV:
        return Source(path, {})
    if not path.is_dir():
        raise UserError(
            f"The data must be a folder of class folders, a folder with the splits, or a .csv, but got {path}. Check "
            f"the path; a relative one starts here: {Path.cwd()}."
        )
    inside = sorted(path.iterdir())
    folders = {one.name: one for one in inside if one.is_dir() and not one.name.startswith(".")}
    lists = {one.stem: one for one in inside if one.is_file() and one.suffix.lower() == CSV}
    splits = split_folders(folders) or split_folders(lists)
    if splits and not {TRAIN, VAL} <= splits.keys():
        raise UserError(
            f"A study needs train and val, but {path} has {quoted([one.name for one in splits.values()])} alone: name "
            "the missing folder so, or give one folder of class folders, which is then split."
        )
    return Source(path, splits)
