"""Folders and CSVs as samples."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources import make_csv, make_tree, message

from trainables.data.reading.read_split import read_split


class TestTree:
    """Class-folder trees."""

    def test_a_tree_becomes_a_table_sorted_by_id(self, tmp_path: Path) -> None:
        """Ids are relative posix paths, texts names without ending, sub-folders count, other and hidden files don't."""
        root = make_tree(
            tmp_path,
            *("Blue/beer bottle_2.JPG", "Black/old.toy.jpeg", "Blue/more/jar.TiFF"),
            *("Blue/notes.txt", "Blue/.x.jpg", ".git/y.jpg"),
        )
        split = read_split(root)
        assert split.ids == ("Black/old.toy.jpeg", "Blue/beer bottle_2.JPG", "Blue/more/jar.TiFF")
        assert split.inputs["text"] == ("old.toy", "beer bottle_2", "jar")
        assert split.classes == ("Black", "Blue")
        assert split.labels.tolist() == [0, 1, 1]
        assert split.inputs["image"][1] == root / "Blue/beer bottle_2.JPG"
        assert split.counts() == {"Black": 1, "Blue": 2}
        assert len(split) == 3

    def test_train_s_classes_give_the_numbers_and_one_may_be_missing(self, tmp_path: Path) -> None:
        """With `classes`, labels count in their order, and a class without a sample has the count 0."""
        split = read_split(make_tree(tmp_path, "Green/a.png"), classes=("Black", "Blue", "Green"))
        assert split.labels.tolist() == [2]
        assert split.counts() == {"Black": 0, "Blue": 0, "Green": 1}

    def test_an_unknown_class_is_named_with_the_known_ones(self, tmp_path: Path) -> None:
        """A folder that isn't one of train's classes is an error that names both."""
        text = message(make_tree(tmp_path, "Blue/a.jpg", "Blau/b.jpg"), classes=("Black", "Blue"))
        assert '"Blau"' in text
        assert '"Black", "Blue"' in text

    def test_train_needs_two_classes_each_with_pictures(self, tmp_path: Path) -> None:
        """One class alone, and a class folder without a picture, are errors that name the folder."""
        assert "At least two classes" in message(make_tree(tmp_path / "one", "Blue/a.jpg"))
        root = make_tree(tmp_path / "two", "Blue/a.jpg", "Black/b.jpg", "Green/readme.txt")
        assert '"Green"' in message(root)
        assert len(read_split(root, classes=("Black", "Blue", "Green"))) == 2

    def test_a_missing_or_empty_source_is_named(self, tmp_path: Path) -> None:
        """A path that doesn't exist, and a folder without any sample, are errors that name it."""
        assert str(tmp_path / "nowhere") in message(tmp_path / "nowhere")
        (tmp_path / "Blue").mkdir()
        assert "needs samples" in message(tmp_path)

    def test_pictures_beside_the_class_folders_are_an_error(self, tmp_path: Path) -> None:
        """A picture without a class isn't dropped silently."""
        assert "stray.jpg" in message(make_tree(tmp_path, "Blue/a.jpg", "Black/b.jpg", "stray.jpg"))

    def test_links_may_not_leave_the_folder(self, tmp_path: Path) -> None:
        """Files, folders and classes linked from outside are refused, all listed; links within are fine."""
        outside = make_tree(tmp_path / "outside", "secret.jpg", "sub/other.jpg")
        root = make_tree(tmp_path / "root", "Blue/a.jpg", "Black/b.jpg")
        (root / "Blue/within.jpg").symlink_to(root / "Blue/a.jpg")
        assert "Blue/within.jpg" in read_split(root).ids
        (root / "Blue/leak.jpg").symlink_to(outside / "secret.jpg")
        (root / "Blue/folder").symlink_to(outside / "sub")
        (root / "Blue/broken.jpg").symlink_to(root / "gone.jpg")
        text = message(root)
        assert all(name in text for name in ("leak.jpg", "folder", "broken.jpg"))
        shutil.rmtree(root / "Blue")
        (root / "Blue").symlink_to(outside)
        assert "leaves the folder" in message(root)

    def test_a_link_to_a_folder_above_ends(self, tmp_path: Path) -> None:
        """A loop of folders is walked once."""
        root = make_tree(tmp_path, "Blue/a.jpg", "Black/b.jpg")
        (root / "Blue/loop").symlink_to(root / "Blue")
        assert len(read_split(root)) == 2

    def test_a_name_that_isn_t_utf8_is_refused(self, tmp_path: Path) -> None:
        """Such a name could be neither tokenized nor written to JSON."""
        root = make_tree(tmp_path, "Blue/a.jpg", "Black/b.jpg")
        try:
            Path(os.fsdecode(os.fsencode(root / "Blue") + b"/\xff.jpg")).write_text("x")
        except OSError:
            pytest.skip("this file system refuses such names itself")
        assert "UTF-8" in message(root)


class TestCsv:
    """CSV files."""

    def test_cells_stay_text(self, tmp_path: Path) -> None:
        """ "NA", "01" and an empty text stay what they are, and rows without pictures are numbered from 1."""
        source = make_csv(tmp_path, "text,label\nNA,01\n,null\n")
        split = read_split(source, modalities=())
        assert split.inputs["text"] == ("NA", "")
        assert split.classes == ("01", "null")
        assert split.ids == ("row-1", "row-2")
        assert split.inputs["image"] == (None, None)

    def test_images_are_found_beside_the_csv(self, tmp_path: Path) -> None:
        """The id is the image cell, the path absolute, the order by id; BOM and more columns don't matter."""
        content = "\ufefflabel,image,text,note\nBlue,p/b.jpg,two,\nBlack,p/a.jpg,one,\n"
        split = read_split(make_csv(tmp_path, content, "p/a.jpg", "p/b.jpg"))
        assert split.ids == ("p/a.jpg", "p/b.jpg")
        assert split.inputs["text"] == ("one", "two")
        assert split.inputs["image"][0] == tmp_path.resolve() / "p/a.jpg"

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"text,label\nok,A\ncaf\xe9,B\n", "line 3 the byte 0xe9"),
            ("text,label\nok,A\n".encode("utf-16"), "line 1 the byte 0xff"),
            (b"text,label\na\0b,A\n", "line 2 a NUL"),
            (b"text,label,label\na,A,B\n", '"label" occurs twice'),
            (b"text,label\na,A\nb,B,C\nc\n", "line 3: 3 cells\n  line 4: 1 cells"),
            (b"text,klass\na,A\n", '"label" is missing. It has "text", "klass"'),
            (b"text,label\na,A\nb, \n", "line 3: the label is empty"),
            (b'text,label\n"a,A\n', "isn't valid CSV"),
            (b"", "is empty"),
            (b"text,label\n", "needs samples"),
            (b"text,label\na,A\nb,A\n", "At least two classes"),
        ],
    )
    def test_a_damaged_csv_is_told_with_its_place(self, tmp_path: Path, content: bytes, told: str) -> None:
        """Each fault of encoding, header, rows and labels has a message that says where it is."""
        assert told in message(make_csv(tmp_path, content), modalities=("text",))

    def test_an_image_column_is_needed_where_images_are(self, tmp_path: Path) -> None:
        """A CSV without pictures is refused unless texts suffice, and the columns that exist are named."""
        source = make_csv(tmp_path, "text,label\na,A\nb,B\n")
        assert '"image" is missing. It has "text", "label"' in message(source)
        assert len(read_split(source, modalities=("text",))) == 2

    @pytest.mark.parametrize(
        ("cell", "told"),
        [
            ("", "is empty"),
            ("/etc/hostname", "absolute"),
            ("C:\\pictures\\a.jpg", "absolute"),
            ("../outside.jpg", "leaves"),
            ("p/../../outside.jpg", "leaves"),
            ("https://example.org/a.jpg", "URL"),
            ("gone.jpg", "no existing regular file"),
            ("p", "no existing regular file"),
            ("pipe.jpg", "no existing regular file"),
            ("link.jpg", "leaves"),
            ("n" * 300 + ".jpg", "n.jpg"),
        ],
    )
    def test_an_image_must_be_a_file_within_the_folder(self, tmp_path: Path, cell: str, told: str) -> None:
        """Absolute paths, ways out, URLs, links out, folders and pipes are refused with the row's line."""
        make_tree(tmp_path, "outside.jpg")
        source = make_csv(tmp_path / "root", f"text,label,image\na,A,p/a.jpg\nb,B,{cell}\n", "p/a.jpg")
        os.mkfifo(tmp_path / "root/pipe.jpg")
        (tmp_path / "root/link.jpg").symlink_to(tmp_path / "outside.jpg")
        text = message(source)
        assert "line 3" in text
        assert told in text

    def test_a_picture_belongs_to_one_row(self, tmp_path: Path) -> None:
        """Two rows with the same picture, written alike or not, are an error."""
        assert "2 rows" in message(make_csv(tmp_path, "text,label,image\na,A,a.jpg\nb,B,./a.jpg\n", "a.jpg"))

    def test_faults_are_collected(self, tmp_path: Path) -> None:
        """The first five faults are listed, and how many there are."""
        rows = "".join(f"t,A,gone{i}.jpg\n" for i in range(8))
        text = message(make_csv(tmp_path, f"text,label,image\n{rows}"))
        assert "gone4" in text
        assert "gone5" not in text
        assert "8 in all" in text

    def test_blank_texts_are_listed_where_texts_are_needed(self, tmp_path: Path) -> None:
        """Empty, blank or unseen characters alone: the file and the first five lines; pictures alone need none."""
        blank = "".join(f"{text},A\n" for text in ("", " ", "\t\u00a0", "\u200b", "", ""))
        source = make_csv(tmp_path, f"text,label\nold can,A\n{blank}jar,B\n")
        text = message(source, modalities=("text",))
        assert str(source) in text
        assert "line 3\n  line 4\n  line 5\n  line 6\n  line 7\n  ... and 1 more (6 in all)" in text
        assert len(read_split(source, modalities=())) == 8

    def test_a_file_whose_name_is_blank_has_no_text(self, tmp_path: Path) -> None:
        """In a tree the text is the file's name; it is named with its path."""
        make_tree(tmp_path, "A/can.jpg", "B/ .jpg")
        assert f"{tmp_path / 'B' / ' .jpg'}" in message(tmp_path)
        assert len(read_split(tmp_path, modalities=("image",))) == 2

    def test_an_unknown_label_is_told_with_line_and_known_ones(self, tmp_path: Path) -> None:
        """A label that train doesn't have is named with its line, and the known labels too."""
        text = message(make_csv(tmp_path, "text,label\na,A\nb,Z\n"), classes=("A", "B"), modalities=("text",))
        assert '"Z" (line 3)' in text
        assert '"A", "B"' in text

    @settings(max_examples=40, deadline=None)
    @given(
        texts=st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), min_size=2, max_size=8
        )
    )
    def test_any_text_survives(self, texts: list[str]) -> None:
        """Commas, quotes, line breaks and odd characters come out as they went in."""
        quoted = [text.replace('"', '""') for text in texts]
        rows = "".join(f'"{text}",{"AB"[row % 2]}\n' for row, text in enumerate(quoted))
        with tempfile.TemporaryDirectory() as folder:
            split = read_split(make_csv(Path(folder), f"text,label\n{rows}"), modalities=())
            assert list(split.inputs["text"]) == texts
