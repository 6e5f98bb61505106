"""What wasn't taken, as findings."""

from __future__ import annotations

from pathlib import Path

from sources import make_csv, make_tree

from trainables.data.check.accounting import accounting_findings
from trainables.data.reading.read_split import read_split


def test_a_tree_s_files(tmp_path: Path) -> None:
    """The sum is a note; HEIC is a warning, a text a note; each file is a place with its reason."""
    root = make_tree(tmp_path, "A/1.jpg", "B/2.jpg", "B/notes.md", "A/._1.jpg")
    (root / "A/3.heic").write_bytes(b"\x00\x00\x00\x18ftypheic")
    found = accounting_findings({"val": read_split(root)})
    assert [(one.kind, one.level) for one in found] == [
        *(("accounting", "note"), ("not-taken", "warning"), ("not-taken", "note"))
    ]
    assert found[0].title == ("Val: 5 files: 2 pictures taken, 2 listed (1 HEIC, 1 text file), 1 junk (1 ._*)")
    assert found[0].numbers["all"] == 5
    assert [(place.file, place.split) for place in found[1].places] == [("A/3.heic", "val")]
    assert "convert it to JPEG" in found[1].places[0].reason


def test_a_csv_s_lines(tmp_path: Path) -> None:
    """The sum of its lines, and a note of rows over several of them."""
    source = make_csv(tmp_path, 'text,label\n\n"a\nb",A\nc,B\n')
    found = accounting_findings({"train": read_split(source, modalities=("text",))})
    assert [one.kind for one in found] == ["accounting", "how-read"]
    assert found[0].title == "Train: 5 lines: 2 rows, 1 header, 1 lines within a quoted field, 1 blank"
    assert "from line 3 over 2 lines" in found[1].title


def test_a_split_that_was_read_from_nothing_has_none(tmp_path: Path) -> None:
    """Such as a part of one."""
    split = read_split(make_tree(tmp_path, "A/1.jpg", "B/2.jpg"))
    assert accounting_findings({"train": split.spread(1)}) == []
