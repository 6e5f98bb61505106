"""CSV files as columns, with every line accounted for."""

from __future__ import annotations

import csv
import io
import random
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources import make_csv, make_tree

from trainables.data.reading.csv_table import CsvTable, read_csv
from trainables.data.reading.options import ReadOptions
from trainables.data.reading.read_split import read_split
from trainables.errors import UserError

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
ROWS = st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=8)


def lines_of(text: str) -> int:
    """Lines as an editor counts them."""
    return len(re.findall("[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", text))


def table_of(text: str) -> CsvTable:
    """A CSV of this text."""
    with tempfile.TemporaryDirectory() as folder:
        return read_csv(make_csv(Path(folder), text))


class TestLines:
    """Header, rows, blank lines and those within quotes are all there is."""

    @settings(max_examples=200, deadline=None)
    @given(rows=ROWS, blank=st.lists(st.integers(0, 8), max_size=3), end=st.sampled_from(["\n", "\r\n", "\r"]))
    def test_any_rows_come_back_and_every_line_counts(self, rows: list[list[str]], blank: list[int], end: str) -> None:
        """Cells are as they were written, each row is found in the line where it begins, and the sum is the file's."""
        parts = [self.written(row, end) for row in [["text", "label"], *rows]]
        for place in blank:
            parts.insert(min(place, len(parts)), end)
        text = "".join(parts)
        table = table_of(text)
        assert [list(row) for row in zip(*table.columns.values(), strict=True)] == rows
        assert table.total == lines_of(text) == 1 + len(rows) + table.blank + table.continued
        assert table.blank == len(blank)
        begins = [1 + lines_of("".join(parts[:place])) for place, part in enumerate(parts) if part != end]
        assert list(table.lines) == begins[1:]
        lengths = [lines_of(part) for part in parts if part != end][1:]
        assert list(table.long) == [(row, length) for row, length in enumerate(lengths) if length > 1]

    def written(self, row: list[str], end: str) -> str:
        """One record, everything in quotes."""
        stream = io.StringIO()
        csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator=end).writerow(row)
        return stream.getvalue()

    def test_rows_of_several_lines_are_counted(self) -> None:
        """The line in which each begins, and how many it has."""
        table = table_of('text,label\n\n"a\nb\r\nc",A\nd,B\n"e\n",A')
        assert list(table.lines) == [3, 6, 7]
        assert list(table.long) == [(0, 3), (2, 2)]
        assert (table.total, table.blank, table.continued) == (8, 1, 3)

    def test_more_rows_than_are_gathered_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The order stays; labels that repeat are kept once."""
        monkeypatch.setattr("trainables.data.reading.csv_table.CHUNK", 64)
        table = table_of("text,label\n" + "".join(f"t{n},class {n % 3}\n" for n in range(1000)))
        assert list(table.columns["text"]) == [f"t{n}" for n in range(1000)]
        assert len({id(cell) for cell in table.columns["label"]}) == 3
        assert list(table.lines) == list(range(2, 1002))


class TestQuotes:
    """Fields over several lines."""

    @pytest.mark.parametrize(
        "text",
        [
            "An old can.\nIt is empty.",
            "can, old\nrusty, dented\nno lid",
            "one\n\ntwo\n\nthree, or four",
            '"Beer", it says\n"Blue" is its colour',
        ],
    )
    def test_captions_of_several_lines_are_texts(self, tmp_path: Path, text: str) -> None:
        """Commas and quotes in them make no rows of them; a person is told that they are there."""
        quoted = text.replace('"', '""')
        split = read_split(make_csv(tmp_path, f'text,label\na,Blue\nb,Green\n"{quoted}",Blue\n'), modalities=("text",))
        assert split.inputs["text"][2] == text
        assert split.account is not None
        assert split.account.total == 4 + text.count("\n")
        assert split.account.notes == (
            f"1 row goes on over several lines (quoted texts with line ends), the longest from line 4 over "
            f"{1 + text.count(chr(10))} lines",
        )


SEED = (
    'text,label,image\n"old can, empty",Blue,p/0.jpg\napple core,Green,p/1.jpg\n"a ""big"" jar",Blue,./p/2.jpg\n'
    'Caf\u00e9,Gr\u00fcn,p/3.jpg\n"two\nlines",Green,p/4.jpg\n'
).encode()
BITS = (
    b'"',
    b",",
    b"\n",
    b"\r",
    b";",
    b"\t",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\\",
    b"label",
    b"Blue|Green",
    b"..",
    b"/",
    b"|",
)


def mutated(rng: random.Random) -> bytes:
    """The CSV with a few faults at random places."""
    content = bytearray(SEED)
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(content) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            content[place:place] = rng.choice(BITS)
        elif kind == 1:
            del content[place : place + rng.randint(1, 12)]
        elif kind == 2:
            content[place : place + 1] = bytes([rng.randrange(256)])
        elif kind == 3:
            part = content[place : place + rng.randint(1, 60)]
            other = rng.randrange(len(content) + 1)
            content[other:other] = part
        else:
            content = content[: max(1, place)]
    return bytes(content)


def test_2000_mutated_csvs_are_read_or_told(tmp_path: Path) -> None:
    """Nothing but UserError comes out of any of them; where one is read, its sum is the file's."""
    make_tree(tmp_path, *(f"p/{number}.jpg" for number in range(5)))
    rng, read = random.Random(11), 0
    for number in range(2000):
        content, source = mutated(rng), tmp_path / f"{number}.csv"
        source.write_bytes(content)
        modalities = (("image", "text"), ("text",), ("image",), ())[number % 4]
        options = ReadOptions(allow_links=True, merge={"Blue|Green": "Blue"}) if number % 8 > 3 else ReadOptions()
        classes = ("Blue", "Green", "Gr\u00fcn") if number % 3 == 0 else None
        try:
            split = read_split(source, classes=classes, modalities=modalities, options=options)
        except UserError as error:
            assert str(source) in str(error)  # noqa: PT017  # what must be in each of 2,000 messages
            continue
        read += 1
        assert split.account is not None
        assert split.account.total == lines_of(content.decode("utf-8-sig"))
        assert split.account.taken == len(split)
    assert read > 100
