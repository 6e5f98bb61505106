"""Faults of people's folders, CSVs, labels and names: each is planted, and told with its place, reason and remedy."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from trainables.data.accounting import account_lines
from trainables.data.check.accounting import accounting_findings
from trainables.data.check.labels import few_samples
from trainables.data.reading.options import ReadOptions
from trainables.data.reading.read_split import read_split
from trainables.errors import UserError

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"
AVIF = b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1"
BMP = b"BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00"

Content = bytes | str | Callable[[Path], None]
TREE: Mapping[str, Content] = {f"{label}/{number}.jpg": JPEG for label in ("Blue", "Green") for number in range(5)}


@dataclass(frozen=True)
class Planted:
    """A fault: what is added to the tree, or the CSV that is read, and the words that its message must have."""

    name: str
    files: Mapping[str, Content]
    told: tuple[str, ...]
    tree: Mapping[str, Content] = field(default_factory=lambda: TREE)
    source: str = "."  # relative to the folder of all files
    classes: tuple[str, ...] | None = None  # train's, where another split is read
    modalities: tuple[str, ...] = ("image", "text")
    options: ReadOptions = field(default_factory=ReadOptions)
    text: str | bytes | None = None  # the CSV's content: of texts alone


def csv(name: str, text: str | bytes, *told: str, **options: object) -> Planted:
    """A CSV of texts and labels."""
    return Planted(name, {}, told, tree={}, source="data.csv", modalities=("text",), text=text, **options)  # type: ignore[arg-type]


def pictures(name: str, text: str, *told: str, **options: object) -> Planted:
    """A CSV beside the pictures p/0.jpg to p/4.jpg."""
    tree = {f"p/{number}.jpg": JPEG for number in range(5)}
    return Planted(name, {}, told, tree=tree, source="data.csv", text=text, **options)  # type: ignore[arg-type]


def listed(name: str, file: str, content: Content, *told: str) -> Planted:
    """A file that isn't taken: the list has its name."""
    return Planted(name, {file: content}, (os.path.basename(file), *told))


def symlink(target: str) -> Callable[[Path], None]:
    """A link, its target relative to its own folder."""
    return lambda path: path.symlink_to(target)


def rows(*lines: str) -> str:
    """A CSV of texts, with enough other rows."""
    usual = [f"thing {number},{label}" for label in ("Blue", "Green") for number in range(5)]
    return "\n".join(["text,label", *usual, *lines, ""])


LEVELS = {f"{split}/{label}/{n}.jpg": JPEG for split in ("Train", "Val", "Test") for label in "AB" for n in range(2)}

SHAPES = [
    Planted("splits as one tree", {}, ("holds the splits", "train: {root}/Train", "val: {root}/Val"), tree=LEVELS),
    Planted(
        "splits of a release as one tree",
        {},
        ("train: {root}/garbage_Train", "test: {root}/garbage_Test"),
        tree={f"garbage_{path}": content for path, content in LEVELS.items()},
    ),
    Planted(
        "train and valid in lower case",
        {},
        ("train: {root}/train", "val: {root}/valid"),
        tree={f"{split}/{label}/1.png": PNG for split in ("train", "valid") for label in "AB"},
    ),
    Planted(
        "a wrapper around the classes",
        {},
        ("holds one folder alone", "{root}/photos", "binwise data import"),
        tree={f"photos/{path}": content for path, content in TREE.items()},
    ),
    Planted(
        "three wrappers around the classes",
        {},
        ("{root}/a/b/c", '"Blue", "Green"'),
        tree={f"a/b/c/{path}": content for path, content in TREE.items()},
    ),
    Planted(
        "a wrapper around the splits",
        {},
        ("train: {root}/release/Train",),
        tree={f"release/{path}": content for path, content in LEVELS.items()},
    ),
    Planted(
        "a wrapper around val's classes",
        {},
        ("holds one folder alone", "{root}/val_pictures"),
        tree={f"val_pictures/{path}": content for path, content in TREE.items()},
        classes=("Blue", "Green"),
    ),
    Planted("one class given as the tree", {}, ("0.jpg", "one class of several", "{root}"), source="Blue"),
    Planted("a picture beside the classes", {"stray.jpg": JPEG}, ("stray.jpg", "class's folder")),
    Planted("a picture without ending beside the classes", {"stray": PNG}, ("stray", "class's folder")),
    Planted(
        "splits within each class",
        {},
        ("lie within those of the classes", "mkdir -p {root}_splits/train && mv {root}/Blue/train"),
        tree={f"{c}/{s}/{n}.jpg": JPEG for c in ("Blue", "Green") for s in ("train", "val") for n in range(2)},
    ),
    Planted(
        "a class within another's folder",
        {"Blue/Green/x.jpg": JPEG},
        ("{root}/Blue/Green", 'the class "Blue"', "mv {root}/Blue/Green/* {root}/Green/"),
    ),
    Planted(
        "a twin of a class within another's folder", {"Blue/green /x.jpg": JPEG}, ("{root}/Blue/green ", '"Green"')
    ),
    Planted(
        "classes below a class",
        {f"Waste/{kind}/1.jpg": JPEG for kind in ("Paper", "Tin")},
        ('all pictures of 1 class lie in sub-folders, which count to it: "Waste" of "Paper", "Tin"',),
    ),
    Planted("an empty class", {"Grey/readme.md": "nothing"}, ('"Grey"', "have none", "1 text file")),
    Planted(
        "a class of HEIC alone",
        {"Grey/1.heic": HEIC},
        ('"Grey"', "1 HEIC", "magick mogrify -format jpg"),
    ),
    Planted("one class alone", {}, ('"Blue" alone',), tree={"Blue/1.jpg": JPEG}),
    Planted("an unknown class", {"Blau/1.jpg": JPEG}, ('"Blau"', "Blau/1.jpg", "train's"), classes=("Blue", "Green")),
]

FILES = [
    listed("HEIC", "Blue/IMG_1.HEIC", HEIC, "HEIC picture", "convert it to JPEG", "magick"),
    listed("HEIC without ending", "Blue/IMG_1", HEIC, "HEIC picture"),
    listed("SVG", "Blue/drawing.svg", "<?xml version='1.0'?>\n<svg xmlns=''/>", "SVG", "rsvg-convert"),
    listed("camera raw", "Blue/DSC_1.NEF", b"MM\x00*", "camera's raw", "develop"),
    listed("JPEG XL", "Blue/a.jxl", b"\xff\x0a\x01", "JPEG XL", "convert"),
    listed("JPEG 2000", "Blue/a.jp2", b"\x00\x00\x00\x0cjP  \r\n", "JPEG 2000"),
    listed("Photoshop", "Blue/a.psd", b"8BPS\x00\x01", "Photoshop", "export"),
    listed("an archive", "Blue/more.zip", b"PK\x03\x04\x14", "archive", "unpack"),
    listed("a PDF", "Blue/scan.pdf", b"%PDF-1.7", "PDF", "PNG"),
    listed("a text", "Blue/notes.md", "These are bottles.", "a text, no picture"),
    listed("a table", "Blue/labels.csv", "a,b\n1,2\n", "a text, no picture"),
    listed("an annotation", "Blue/a.xml", "<?xml version='1.0'?><annotation/>", "a text, no picture"),
    listed("boxes beside a picture", "Blue/1.txt", "0 0.5 0.5 0.1 0.2\n", "no caption: it has no words"),
    listed("an empty text beside a picture", "Blue/1.txt", " \n", "no caption"),
    listed("a caption that isn't UTF-8", "Blue/1.txt", b"caf\xe9", "no caption: it isn't UTF-8"),
    listed("a caption of a book's length", "Blue/1.txt", "word " * 3000, "no caption: it has more than 10,000"),
    listed("a film", "Blue/a.mp4", b"\x00\x00\x00\x18ftypisom", "no picture that is known"),
    listed("an empty file", "Blue/nothing", b"", "an empty file"),
    listed("a file beside the classes", "README.md", "Hello", "lies beside the class folders"),
    listed("a hidden picture", "Blue/.5 inch pipe.jpg", JPEG, "begins with a dot", "rename"),
    listed("a hidden picture without ending", "Blue/.5 inch pipe", PNG, "begins with a dot"),
    listed("a broken link to no picture", "Blue/readme", symlink("gone"), "leads nowhere"),
    listed("a pipe", "Blue/queue", os.mkfifo, "not a regular file"),
    listed("a loop of folders", "Blue/again", symlink("../Blue"), "a link to a folder that holds it"),
    Planted("a broken link to a picture", {"Blue/x.jpg": symlink("gone.jpg")}, ("Blue/x.jpg", "leads nowhere")),
    Planted("a link to itself", {"Blue/x.jpg": symlink("x.jpg")}, ("Blue/x.jpg", "leads nowhere")),
    Planted("a link out", {"Blue/x.jpg": symlink("/etc/hostname")}, ("Blue/x.jpg", "leaves the folder", "allow_links")),
    Planted("a folder linked out", {"Blue/more": symlink("/etc")}, ("Blue/more", "to /etc", "allow_links: true")),
    Planted("a class linked out", {"Red": symlink("/etc")}, ("Red", "leaves the folder", "allow_links: true")),
    Planted("a pipe named as a picture", {"Blue/x.png": os.mkfifo}, ("Blue/x.png", "regular file")),
    Planted("a blank name", {"Blue/ .jpg": JPEG}, ("/Blue/ .jpg", "text")),
]

JUNK = [
    Planted("Mac's second forks", {"__MACOSX/Blue/._1.jpg": b"\0\5\x16\7"}, ("1 junk (1 __MACOSX)",)),
    Planted("Mac's second forks beside", {"Blue/._1.jpg": b"\0\5\x16\7"}, ("1 junk (1 ._*)",)),
    Planted("Synology's thumbnails", {"Blue/@eaDir/1.jpg/SYNOFILE_THUMB_M.jpg": JPEG}, ("1 junk (1 @eaDir)",)),
    Planted("Synology's thumbnails above", {"@eaDir/Blue/SYNO@.jpg": JPEG}, ("1 junk (1 @eaDir)",)),
    Planted("Finder's files", {"Blue/.DS_Store": b"\0\0\0\1Bud1", ".DS_Store": b"\0"}, ("2 junk (2 .DS_Store)",)),
    Planted(
        "Windows' thumbnails",
        {"Blue/Thumbs.db": b"\xd0\xcf", "Blue/desktop.ini": "[]"},
        ("1 Thumbs.db", "1 desktop.ini"),
    ),
    Planted("notebooks' copies", {"Blue/.ipynb_checkpoints/1-checkpoint.jpg": JPEG}, ("1 .ipynb_checkpoints",)),
    Planted("a recycle bin", {"#recycle/Blue/1.jpg": JPEG, "$RECYCLE.BIN/x/desktop.ini": "[]"}, ("2 recycle bin",)),
    Planted("a repository", {".git/objects/ab/cdef": b"x\x01", ".git/HEAD": "ref"}, ("2 junk (2 hidden)",)),
    Planted("hidden rubbish", {"Blue/.cache": "x", "Blue/.nfs001": b""}, ("2 junk (2 hidden)",)),
]

CSVS = [
    csv("semicolons", "text;label\nold can;Blue\n", "{source}", "semicolons in line 1", "Save it with commas"),
    csv("tabs", "text\tlabel\nold can\tBlue\n", "tabs in line 1"),
    csv("bars", "text|label\nold can|Blue\n", "`|` in line 1"),
    csv("semicolons and commas in texts", "text;label;note\na, b;Blue;x\n", "semicolons"),
    csv("Excel's separator line", "sep=;\ntext;label\na;Blue\n", "begins with `sep=;`", "Remove this line", "commas"),
    csv("Excel's separator line with a comma", "sep=,\ntext,label\na,Blue\n", "begins with `sep=,`"),
    csv("a header in another case", "Text,Label\na,A\nb,B\n", '"Text", "Label"', "columns: {label: Label, text: Text}"),
    csv("a header with spaces", "text, label\na,A\nb,B\n", '" label"', 'columns: {label: " label"}'),
    csv("another name of the label", "text,category\na,A\n", '"label" is missing', "columns: {label: category}"),
    csv("another name of the text", "caption,label\na,A\n", '"text" is missing', "columns: {text: caption}"),
    csv("no header", "old can,Blue\nnew can,Green\n",
        '"label", "text" is missing. It has "old can", "Blue"', "Is its first line a header?"),
    csv("a column twice", "text,label,label\na,A,B\n", '"label" occurs twice'),
    csv("a header again", rows("text,label", "more,Blue"), "line 12: the header again", "put into one"),
    csv("a header again, in another order and case", rows("Label,Text"), "line 12: the header again"),
    csv(
        "a quote that swallows rows",
        rows('"3 inch pipe,Blue', "old can,Green", 'elbow",Blue'),
        *("line 12: a quoted field goes on to line 14", "3 lines that look like rows", '3"" pipe'),
    ),
    csv("a quote that swallows one row", rows('"3 inch pipe,Blue', 'elbow",Green'), "line 12", "goes on to line 13"),
    csv(
        "a quote that swallows another file",
        "text,label\na,A\n" + '"x,B\ntext,label\nc,A\nd",B\n',
        *("line 3", "goes on to line 6"),
    ),
    csv(
        "a quote that swallows rows of labels of their own",
        "text,label\na,A\n" + '"1,c1\n2,c2\n3,c3\n4,c4\n5,c5\nb",B\n',
        *("line 3", "6 lines that look like rows"),
    ),
    csv("a quote that is never closed", rows('"old can,Blue', "jar,Green"), "line 12", "never closed"),
    csv("a quote in the middle", rows('"a "big" can",Blue'), "line 12", '""'),
    csv("a field over the limit", rows("x" * 140_000 + ",Blue"), "line 12", "more than 131,072 characters"),
    csv("a row that is too long", rows("a can, empty,Blue"), "line 12: 3 cells", "double quotes"),
    csv("a row that is too short", rows("a can"), "line 12: 1 cells"),
    csv("a swallowing row that is too short", rows('"a,Blue', 'b"'), "line 12: 1 cells, over 2 lines", "to line 13"),
    csv("Latin 1", b"text,label\ncaf\xe9,Blue\n", "line 2", "0xe9", "UTF-8"),
    csv("UTF-16", "text,label\na,Blue\n".encode("utf-16"), "line 1", "0xff"),
    csv("NUL", b"text,label\na\0,Blue\n", "line 2 a NUL"),
    csv("nothing", b"", "is empty"),
    csv("nothing but a mark", b"\xef\xbb\xbf", "is empty"),
    csv("nothing but blank lines", "\n\n\n", "is empty"),
    csv("a header alone", "text,label\n", "needs samples"),
    csv("an empty label", rows("old can, "), "line 12: the label is empty"),
    csv("an empty text", rows(" ,Blue"), "line 12", "text"),
    csv("a text of unseen characters", rows("\u200b\u200d,Blue"), "line 12"),
    csv("texts over several lines", rows('"a can\nthat is old",Blue'), "1 row goes on over several lines", "line 12"),
    csv("blank lines", rows("", "", "more,Blue"), "14 lines: 11 rows, 1 header, 2 blank"),
    csv("a column that the study names and isn't there", "text,label\na,A\n", '"title" is missing',
        options=ReadOptions(columns={"text": "title"})),
]  # fmt: skip

PATHS = [
    pictures("no picture", "text,label,image\na,A,p/9.jpg\nb,B,p/1.jpg\n", "line 2", '"p/9.jpg" is no existing'),
    pictures("another case", "text,label,image\na,A,P/0.JPG\nb,B,p/1.JPG\n", "line 3", 'there is "1.jpg"'),
    pictures("a URL", "text,label,image\na,A,https://a.b/0.jpg\nb,B,p/1.jpg\n", "line 2", "URL"),
    pictures("an absolute path elsewhere",
             "text,label,image\na,A,/etc/hostname\nb,B,p/1.jpg\n", "absolute", "image_root"),
    pictures("a Windows path", "text,label,image\na,A,C:\\p\\0.jpg\nb,B,p/1.jpg\n", "line 2", "Windows machine"),
    pictures("a way out", "text,label,image\na,A,../x.jpg\nb,B,p/1.jpg\n", "line 2", "leaves"),
    pictures("a folder", "text,label,image\na,A,p\nb,B,p/1.jpg\n", "line 2", "no existing regular file"),
    pictures("no path", "text,label,image\na,A,\nb,B,p/1.jpg\n", "line 2: the image is empty"),
    pictures("all paths from elsewhere", "text,label,image\na,A,0.jpg\nb,B,1.jpg\n", "image_root"),
    pictures("one row twice",
             "text,label,image\na,A,p/0.jpg\na,A,./p/0.jpg\nb,B,p/1.jpg\n", "2 rows name", "line 2, line 3"),
    pictures(
        "one picture with two labels",
        "text,label,image\na,A,p/0.jpg\nc,B,p/0.jpg\nb,B,p/1.jpg\n",
        *('"p/0.jpg"', "line 2, line 3", "different labels: A, B"),
    ),
    pictures(
        "pictures that a text study doesn't need",
        "text,label,image\na,A,gone.jpg\nb,B,p/1.jpg\n",
        *("the column image isn't used", "line 2", "gone.jpg"),
        modalities=("text",),
    ),
    pictures("no image column", "text,label\na,A\nb,B\n", '"image" is missing'),
    pictures("another name of the image", "text,label,filename\na,A,p/0.jpg\n", "columns: {image: filename}"),
]  # fmt: skip


def twins(name: str, one: str, other: str, *told: str) -> Planted:
    """Five samples of a class and one of its twin."""
    return csv(name, rows(*[f"x{n},{one}" for n in range(5)], f"y,{other}"), "(5 here)", "(1 here)", "merge:", *told)


LABELS = [
    twins("forms of accents", "Café", "Cafe\u0301", "U+00E9", "U+0301", '"Cafe\\u0301": "Caf\\u00E9"'),
    twins("case", "Glass", "glass", '"Glass"', '"glass"', "U+0067", "U+0047", '"glass": "Glass"'),
    twins("spaces within", "old can", "old  can", "U+0020 (space)", '"old  can": "old can"'),
    twins("a hard space", "old can", "old\u00a0can", "U+00A0 (no-break space)"),
    twins("no width", "Glass", "Gl\u200bass", "U+200B (zero width space)", '"Gl\\u200Bass": "Glass"'),
    twins("a mark of order", "Glass", "\ufeffGlass", "U+FEFF"),
    twins("a soft hyphen", "Glass", "Gl\u00adass", "U+00AD"),
    twins("full width", "Glass", "Ｇｌａｓｓ", "U+FF27"),
    twins("numbers", "1", "1.0", '"1" (5 here)', '"1.0": "1"'),
    twins("numbers with zeros", "7", "07", '"07": "7"'),
    twins("truth", "True", "TRUE", '"TRUE": "True"'),
    twins("truth in numbers", "1", "true", '"true": "1"'),
    twins("sharp s", "Straße", "STRASSE", "U+00DF"),
    csv(
        "val in another form than train",
        rows("y,Cafe\u0301"),
        *("(1 here)", '"Café" (in train)', "U+0301", "merge:"),
        classes=("Blue", "Café", "Green"),
    ),
    csv("val in another case than train", rows("y,blue"),
        '"Blue" (5 here)', '"blue": "Blue"', classes=("Blue", "Green")),
    Planted("folders that are twins", {"blue/1.jpg": JPEG}, ('"Blue" (5 here)', '"blue" (1 here)', "merge:")),
    Planted("folders with a space at the end", {"Blue /1.jpg": JPEG}, ('"Blue " (1 here)', '"Blue ": "Blue"')),
    csv("two labels with a bar", rows("y,Blue|Green"),
        '"Blue|Green" (1 sample)', "multi-label", '"Blue|Green": "Blue"'),
    csv("two labels with a semicolon", rows("y,Blue;Green"), '"Blue;Green"', "classes themselves"),
    csv("two labels with a comma", rows('y,"Green, Blue"'), '"Green, Blue"', "multi-label"),
    csv("two labels as a list", rows("y,\"['Blue', 'Green']\""), "multi-label"),
    csv("val with two labels", rows("y,Blue|Green"), "multi-label", classes=("Blue", "Green")),
    csv("a label that train lacks", rows("y,Yellow"), '"Yellow" (line 12)', "train's", classes=("Blue", "Green")),
    csv("few samples", rows("y,Yellow"), 'Train has few samples of 1 class: 1 of "Yellow"'),
    csv("no sample", rows(), 'few samples of 1 class: none of "Yellow"', classes=("Blue", "Green", "Yellow")),
]  # fmt: skip

ALL = [*SHAPES, *FILES, *JUNK, *CSVS, *PATHS, *LABELS]


def plant(folder: Path, fault: Planted) -> Path:
    """Write the files; what is read."""
    folder.mkdir()
    for name, content in {**fault.tree, **fault.files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    if fault.text is not None:
        content = fault.text.encode() if isinstance(fault.text, str) else fault.text
        (folder / "data.csv").write_bytes(content)
    return folder / fault.source


def what_is_told(source: Path, fault: Planted) -> str:
    """The error, or the lines and findings where it may be read."""
    try:
        split = read_split(source, classes=fault.classes, modalities=fault.modalities, options=fault.options)
    except UserError as error:
        return str(error)
    found = [*accounting_findings({"train": split}), *few_samples({"train": split})]
    places = [f"{place.file}: {place.reason}" for finding in found for place in finding.places]
    return "\n".join([*account_lines("train", split.account), *(finding.title for finding in found), *places])


@pytest.mark.parametrize("fault", ALL, ids=[fault.name for fault in ALL])
def test_a_planted_fault_is_told(fault: Planted, tmp_path: Path) -> None:
    """Its message, or its finding, has the file or line, the reason and the remedy."""
    source = plant(tmp_path / "data", fault)
    text = what_is_told(source, fault)
    for words in fault.told:
        assert words.replace("{root}", str(tmp_path / "data")).replace("{source}", str(source)) in text


def test_there_are_enough() -> None:
    """Each kind of fault has a name of its own."""
    assert len({fault.name for fault in ALL}) == len(ALL)
    assert len(ALL) >= 120
