"""One CSV into three."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from modality_names import IMAGE, TEXT
from PIL import Image

from trainables.data.making.import_csv import CsvSource, import_csv
from trainables.data.making.import_options import ImportOptions, ImportReport
from trainables.data.reading.options import ReadOptions
from trainables.data.reading.read_split import read_split
from trainables.errors import UserError

Row = list[str]
SPLITS = ("train", "val", "test")


def draw(path: Path, number: int) -> None:
    """A small picture that no other number has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(number).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    Image.fromarray(values).save(path)


def write(path: Path, rows: Sequence[Row]) -> Path:
    """A CSV of these rows, the header first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)
    return path


def table(path: Path) -> list[Row]:
    """All rows, the header first."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


def run(source: CsvSource, destination: Path, classes: Sequence[str] | None = None, **options: object) -> ImportReport:
    """An import with shares that suit few rows; the caches lie elsewhere."""
    asked = ImportOptions(**{"val": 0.25, "test": 0.25, "pictures": "list", **options})  # type: ignore[arg-type]
    caches = destination.parent.with_name(f"{destination.parent.name}-cache")
    return import_csv(source, destination, asked, caches=caches, classes=classes)


def texts(tmp_path: Path, change: Callable[[list[Row]], None] = lambda rows: None) -> CsvSource:
    """A CSV of 24 texts of two classes with a column that nobody reads, changed as told."""
    rows = [["id", "text", "label"]]
    rows += [[f"{n:03}", f'a "{chr(97 + n % 12) * 3}", no. {n}', ("Blue", "Green")[n // 12]] for n in range(24)]
    change(rows)
    return CsvSource(write(tmp_path / "source/all.csv", rows))


def pictures(tmp_path: Path, count: int = 20) -> CsvSource:
    """A CSV with own names of columns, and pictures in another folder than its own."""
    rows = [["class", "file", "caption", "session"]]
    for n in range(count):
        draw(tmp_path / f"photos/p{n}.png", n)
        rows.append([("Blue", "Green")[n % 2], f"p{n}.png", f"{chr(97 + n)}{chr(97 + n)} thing", f"s{n // 2 // 2}"])
    columns = {"label": "class", "text": "caption", "image": "file"}
    return CsvSource(write(tmp_path / "source/all.csv", rows), columns, tmp_path / "photos")


def test_rows_arrive_as_they_are(tmp_path: Path) -> None:
    """Every row is in one split, all columns with it, quotes and commas kept; each split can be read."""
    source = texts(tmp_path)
    report = run(source, tmp_path / "out")
    found = {name: table(tmp_path / f"out/{name}.csv") for name in SPLITS}
    assert all(rows[0] == ["id", "text", "label"] for rows in found.values())
    assert sorted(row for rows in found.values() for row in rows[1:]) == sorted(table(source.path)[1:])
    assert [share.samples for share in report.shares] == [12, 6, 6]
    assert read_split(tmp_path / "out/train.csv", modalities=[TEXT]).counts() == {"Blue": 6, "Green": 6}
    assert report.config == "\n".join(["data:", *(f"  {name}: {tmp_path}/out/{name}.csv" for name in SPLITS)])


def test_pictures_stay_where_they_are(tmp_path: Path) -> None:
    """Own columns, pictures in another folder: the told lines make a study read each split."""
    source = pictures(tmp_path)
    report = run(source, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "left_out.csv",
        "test.csv",
        "train.csv",
        "val.csv",
    ]
    assert report.config.splitlines()[4:] == [
        f"  image_root: {tmp_path}/photos",
        "  columns: {label: class, text: caption, image: file}",
    ]
    options = ReadOptions(columns=source.columns, image_root=source.image_root)
    sizes = [
        len(read_split(tmp_path / f"out/{name}.csv", classes=["Blue", "Green"], options=options)) for name in SPLITS
    ]
    assert sizes == [share.samples for share in report.shares]
    assert sum(sizes) == 20


@pytest.mark.parametrize(("how", "links"), [("copy", 1), ("link", 2)])
def test_pictures_come_along_where_that_is_asked_for(tmp_path: Path, how: str, links: int) -> None:
    """In a folder a split, and the CSVs name them there: the new folder is whole by itself."""
    source = pictures(tmp_path)
    report = run(source, tmp_path / "out", pictures=how)
    assert "image_root" not in report.config
    options = ReadOptions(columns=source.columns)
    for name in SPLITS:
        split = read_split(tmp_path / f"out/{name}.csv", classes=["Blue", "Green"], options=options)
        for path in split.inputs[IMAGE]:
            assert path.parent == tmp_path / "out/pictures" / name
            assert path.stat().st_nlink == links
            assert path.read_bytes() == (tmp_path / "photos" / path.name).read_bytes()


def test_captions_of_one_picture_stay_together(tmp_path: Path) -> None:
    """Several rows of one picture: no duplicates, all in one split; an equal file of another name is one."""
    source = pictures(tmp_path)
    draw(tmp_path / "photos/again.png", 3)
    rows = table(source.path)
    rows += [["Blue", "p0.png", "seen from above", "x"], ["Blue", "./p0.png", "seen from below", "y"]]
    rows += [["Green", "again.png", "the same", "z"]]
    write(source.path, rows)
    report = run(source, tmp_path / "out", group_by=())
    assert [(one.file, one.reason) for one in report.left_out] == [
        ("all.csv, line 24", "same picture as all.csv, line 5")
    ]
    homes = [name for name in SPLITS for row in table(tmp_path / f"out/{name}.csv") if row[1].endswith("p0.png")]
    assert len(homes) == 3
    assert len(set(homes)) == 1


def test_groups_of_a_column(tmp_path: Path) -> None:
    """Rows of one session are in one split; an unknown column is refused with those that there are."""
    source = pictures(tmp_path)
    named = CsvSource(source.path, source.columns, source.image_root, "session")
    run(named, tmp_path / "out", group_by=("column",))
    homes = [{row[3] for row in table(tmp_path / f"out/{name}.csv")[1:]} for name in SPLITS]
    assert sum(map(len, homes)) == len(set().union(*homes)) == 5
    with pytest.raises(UserError, match=r'columns "day", but it has "class", "file", "caption", "session"'):
        run(CsvSource(source.path, source.columns, source.image_root, "day"), tmp_path / "two", group_by=("column",))


def test_equal_texts_are_never_in_two_splits(tmp_path: Path) -> None:
    """Whatever they are grouped by: else test would ask what train has told."""

    def repeat(rows: list[Row]) -> None:
        rows += [[f"x{n}", rows[1 + n][1], rows[1 + n][2]] for n in range(24)]

    run(texts(tmp_path, repeat), tmp_path / "out", group_by=())
    found = [{row[1] for row in table(tmp_path / f"out/{name}.csv")[1:]} for name in SPLITS]
    assert sum(map(len, found)) == len(set().union(*found)) == 24


def test_rows_that_can_t_be_used_are_listed_with_their_line(tmp_path: Path) -> None:
    """No label, no picture there, an unreadable one: left out, and said; the rest is imported."""
    source = pictures(tmp_path)
    (tmp_path / "photos/broken.png").write_bytes(b"no picture")
    rows = table(source.path)
    rows += [["", "p1.png", "a", "x"], ["Blue", "gone.png", "b", "x"], ["Blue", "broken.png", "c", "x"]]
    rows += [["Blue", "../source/all.csv", "d", "x"], ["Blue", "", "e", "x"]]
    write(source.path, rows)
    report = run(source, tmp_path / "out")
    told = {one.file.removeprefix("all.csv, line "): one.reason for one in report.left_out}
    assert list(told) == ["22", "23", "24", "25", "26"]
    assert told["22"] == "the label is empty"
    assert "gone.png" in told["23"]
    assert sum(share.samples for share in report.shares) == 20
    assert table(tmp_path / "out/left_out.csv")[1:] == [[one.file, one.reason] for one in report.left_out]


def test_a_wrong_folder_of_pictures_is_told(tmp_path: Path) -> None:
    """Most pictures aren't there: the first lines, where they were looked for, and the option."""
    source = pictures(tmp_path)
    with pytest.raises(UserError) as caught:
        run(CsvSource(source.path, source.columns), tmp_path / "out")
    message = str(caught.value)
    assert "20 of 20" in message
    assert "all.csv, line 2" in message
    assert f"looked for in {tmp_path}/source: `--image-root`" in message
    assert not (tmp_path / "out").exists()


def test_chosen_classes_alone(tmp_path: Path) -> None:
    """Other rows stay out; an unknown class is refused with those that there are."""

    def more(rows: list[Row]) -> None:
        rows += [[f"x{n}", f"odd {n}", "Odd"] for n in range(5)]

    report = run(texts(tmp_path, more), tmp_path / "out", ["Blue", "Green"])
    assert list(report.counts["Train"]) == ["Blue", "Green"]
    assert sum(share.samples for share in report.shares) == 24
    with pytest.raises(UserError, match=r'"Red" isn\'t\. These exist: "Blue", "Green", "Odd"'):
        run(texts(tmp_path, more), tmp_path / "two", ["Blue", "Red"])


def test_columns_must_be_there(tmp_path: Path) -> None:
    """No label; neither text nor image; pictures to be copied where no column names any."""
    own = CsvSource(write(tmp_path / "s/a.csv", [["caption", "class"], ["a", "b"]]))
    with pytest.raises(UserError, match="label"):
        run(own, tmp_path / "out")
    with pytest.raises(UserError, match=r'columns "text".*--columns'):
        run(CsvSource(own.path, {"label": "class"}), tmp_path / "out")
    with pytest.raises(UserError, match='no column "image"'):
        run(texts(tmp_path), tmp_path / "out", pictures="copy")


def test_twins_of_a_label_are_refused(tmp_path: Path) -> None:
    """Two spellings of one class would become two classes of the new data set."""

    def lower(rows: list[Row]) -> None:
        rows[3][2] = "blue"

    def several(rows: list[Row]) -> None:
        rows[3][2] = "Blue|Green"

    with pytest.raises(UserError, match=r'"Blue".*"blue"'):
        run(texts(tmp_path, lower), tmp_path / "out")
    with pytest.raises(UserError, match=r"\(multi-label\)"):
        run(texts(tmp_path, several), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_swallowed_rows_are_refused(tmp_path: Path) -> None:
    """A quote that swallows rows loses none in silence."""
    source = CsvSource(tmp_path / "all.csv")
    lines = ["text,label", *(f"thing {n},{('Blue', 'Green')[n % 2]}" for n in range(30))]
    lines[5], lines[15] = '"3 inch pipe,Blue', 'elbow",Green'
    source.path.write_text("\n".join(lines))
    with pytest.raises(UserError, match="line 6: a quoted field goes on to line 16"):
        run(source, tmp_path / "out")
