"""A bundle's files are read only where they are as they were exported."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from trainables.runtime.bundle import BUNDLE_FILE, DIGESTS_FILE, FORMAT, Bundle, is_bundle
from trainables.runtime.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle of two files."""
    write(tmp_path, {BUNDLE_FILE: json.dumps({"format": FORMAT}), "a/b.txt": "words"})
    return tmp_path


def write(folder: Path, files: dict[str, str]) -> None:
    """Files and their digests."""
    lines = []
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
        lines.append(f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n")
    (folder / DIGESTS_FILE).write_text("".join(lines))


def test_files_are_had_by_name(folder: Path) -> None:
    """After they were compared with their digests."""
    bundle = Bundle.read(folder)
    assert is_bundle(folder)
    assert bundle.file("a/b.txt").read_text() == "words"


def test_a_changed_file_is_refused(folder: Path) -> None:
    """By name; so is one that is missing, and one that has no digest."""
    bundle = Bundle.read(folder)
    (folder / "a/b.txt").write_text("other")
    with pytest.raises(UserError, match=r"b\.txt must be the file that was exported, but it is changed"):
        bundle.file("a/b.txt")
    (folder / "a/b.txt").unlink()
    with pytest.raises(UserError, match="but it is missing"):
        bundle.file("a/b.txt")
    (folder / "more.txt").write_text("more")
    with pytest.raises(UserError, match="must be the file that was exported"):
        bundle.file("more.txt")


def test_a_changed_description_is_refused(folder: Path) -> None:
    """Weights in it can't be turned unnoticed."""
    (folder / BUNDLE_FILE).write_text(json.dumps({"format": FORMAT, "weights": {}}))
    with pytest.raises(UserError, match=r"bundle\.json must be the file that was exported"):
        Bundle.read(folder)


def test_no_bundle_and_other_formats_are_refused(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(UserError, match="it is no bundle"):
        Bundle.read(tmp_path)
    write(tmp_path, {BUNDLE_FILE: json.dumps({"format": FORMAT + 1})})
    with pytest.raises(UserError, match="must have format"):
        Bundle.read(tmp_path)
    write(tmp_path, {BUNDLE_FILE: "{"})
    with pytest.raises(UserError, match="must be JSON"):
        Bundle.read(tmp_path)


@pytest.mark.parametrize("line", ["../secret", "/etc/passwd", "a/../../b"])
def test_digests_of_files_elsewhere_are_refused(folder: Path, line: str) -> None:
    """A bundle names its own files alone."""
    with (folder / DIGESTS_FILE).open("a") as stream:
        stream.write(f"{'0' * 64}  {line}\n")
    with pytest.raises(UserError, match="a file of the bundle"):
        Bundle.read(folder)
