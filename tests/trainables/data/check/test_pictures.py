"""Unreadable and odd pictures: each kind planted in files, and found with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from odd_pictures import broken_files, make_what_is_no_file, odd_files, sound_files, write_files

from trainables.data.check.findings import Finding, Place
from trainables.data.check.pictures import picture_findings, picture_numbers
from trainables.data.pictures.examine import examine
from trainables.data.pictures.facts import PictureFacts
from trainables.runtime.content import foreign_content

HARMLESS = {"transparent-pictures", "turned-pictures"}  # what a file may be beside what it was made for


def findings_of(paths: list[Path], folder: Path) -> list[Finding]:
    """What is found of these files."""
    return picture_findings(examine(paths, folder / "cache", workers=1), [Place(str(path)) for path in paths])


def told_of(findings: list[Finding]) -> dict[str, dict[str, str]]:
    """By file name: the kinds of what was found, with the reason."""
    told: dict[str, dict[str, str]] = {}
    for finding in findings:
        for place in finding.places:
            told.setdefault(Path(place.file).name, {})[finding.kind] = place.reason
    return told


pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of damaged metadata


def test_every_broken_file_is_found_with_its_reason(tmp_path: Path) -> None:
    """Cut files, stubs, foreign formats, what is no file: an error names each, and says what it is where that shows."""
    planted = broken_files()
    paths = write_files(tmp_path / "pictures", {name: data for name, (data, _) in planted.items()})
    others = make_what_is_no_file(tmp_path / "others")
    expected = {name: words for name, (_, words) in planted.items()}
    expected |= {path.name: words for path, words in others.items()}
    (finding,) = findings_of([*paths, *others], tmp_path)
    assert (finding.kind, finding.level) == ("unreadable-pictures", "error")
    assert len(finding.places) == len(expected) >= 45
    wrong = {
        place.file: place.reason
        for place in finding.places
        if not place.reason or expected[Path(place.file).name] not in place.reason
    }
    assert not wrong


def test_every_odd_file_is_found_with_its_reason(tmp_path: Path) -> None:
    """What can be read and isn't what it seems: the finding of its kind names it, and nothing else is said of it."""
    planted = odd_files()
    paths = write_files(tmp_path / "pictures", {name: data for name, (data, _) in planted.items()})
    told = told_of(findings_of(paths, tmp_path))
    assert len(planted) >= 40
    for name, (_, kind) in planted.items():
        assert told[name].get(kind), name
        assert set(told[name]) - HARMLESS <= {kind} | ({"flat-pictures"} if name == "pixel.png" else set()), name


def test_sound_files_are_left_alone(tmp_path: Path) -> None:
    """Real grey at the bottom, much text, large profiles, opaque alpha, bytes after the end: nothing is found."""
    assert told_of(findings_of(write_files(tmp_path / "pictures", sound_files()), tmp_path)) == {}


@pytest.mark.timeout(20)  # for ever, where each comment is tried as a part of the one before
def test_a_file_of_comments_is_looked_at_once(tmp_path: Path) -> None:
    """Neither a web page nor a drawing: text, told at once."""
    (tmp_path / "comments.png").write_bytes(b"<!---->" * 70)
    assert foreign_content(tmp_path / "comments.png") == "text"
    (tmp_path / "drawing.png").write_bytes(b'<?xml version="1.0"?>\n<!-- a > b -->\n<!---->\n<svg/>')
    assert "SVG" in (foreign_content(tmp_path / "drawing.png") or "")


def test_places_keep_their_split_and_label() -> None:
    """A finding's place is the caller's, with the reason put in; titles count."""
    facts = [PictureFacts(fault="the file is empty"), PictureFacts(width=50, height=50)]
    (finding,) = picture_findings(facts, [Place("a", split="train", label="x"), Place("b")])
    assert finding.places == (Place("a", "the file is empty", "train", "x"),)
    assert finding.title == "1 of 2 pictures can't be read."


def test_numbers_leave_out_what_cannot_be_read() -> None:
    """Formats, modes and sizes are those of readable pictures; no pictures at all give no spread."""
    good = [PictureFacts(format="PNG", mode="RGB", width=100 * n, height=100, size_bytes=7) for n in (1, 2, 3)]
    numbers = picture_numbers([*good, PictureFacts(format="JPEG", fault="cut", size_bytes=2)])
    assert numbers["pictures"] == 4
    assert numbers["unreadable"] == 1
    assert numbers["bytes"] == 23
    assert numbers["formats"] == {"PNG": 3}
    assert numbers["width"]["median"] == 200
    assert numbers["width / height"]["most"] == pytest.approx(3)
    assert picture_numbers([])["width"] == {}
