"""A CSV's rows as samples, read as a study says."""

from __future__ import annotations

from pathlib import Path

import pytest
from sources import make_csv, make_tree, message

from trainables.data.reading.options import ReadOptions
from trainables.data.reading.read_split import read_split


class TestColumns:
    """Columns by other names, and those that aren't there."""

    def test_the_study_names_the_columns(self, tmp_path: Path) -> None:
        """For the label and for each modality; the usual names are then columns like any other."""
        content = "text,title,class,photo\nx,old can,Blue,p/1.jpg\ny,jar,Green,p/2.jpg\n"
        source = make_csv(tmp_path, content, "p/1.jpg", "p/2.jpg")
        columns = {"label": "class", "text": "title", "image": "photo"}
        split = read_split(source, options=ReadOptions(columns=columns))
        assert split.ids == ("p/1.jpg", "p/2.jpg")
        assert split.inputs["text"] == ("old can", "jar")
        assert split.label_names == ("Blue", "Green")

    def test_pictures_alone_have_their_names_for_texts(self, tmp_path: Path) -> None:
        """Where texts are searched; where they aren't, there are none."""
        source = make_csv(tmp_path, "image,label\np/old_can.jpg,A\np/jar.jpg,B\n", "p/old_can.jpg", "p/jar.jpg")
        assert read_split(source).inputs["text"] == ("jar", "old_can")
        assert read_split(source, modalities=("image",)).inputs["text"] == (None, None)

    def test_a_named_column_must_be_there(self, tmp_path: Path) -> None:
        """It isn't replaced by the pictures' names."""
        source = make_csv(tmp_path, "image,label\n1.jpg,A\n2.jpg,B\n", "1.jpg", "2.jpg")
        assert '"title" is missing' in message(source, options=ReadOptions(columns={"text": "title"}))


class TestPictures:
    """Where pictures lie."""

    def test_the_root_may_be_elsewhere(self, tmp_path: Path) -> None:
        """Ids are relative to it, and the way out of it is refused."""
        make_tree(tmp_path / "photos", "a/1.jpg", "2.jpg")
        source = make_csv(tmp_path / "tables", "text,label,image\na,A,a/1.jpg\nb,B,2.jpg\n")
        options = ReadOptions(image_root=tmp_path / "photos")
        split = read_split(source, options=options)
        assert split.ids == ("2.jpg", "a/1.jpg")
        assert split.inputs["image"][1] == tmp_path.resolve() / "photos/a/1.jpg"
        source.write_text("text,label,image\na,A,../tables/split.csv\nb,B,2.jpg\n")
        assert "leaves" in message(source, options=options)

    def test_absolute_paths_and_backslashes_name_the_same_pictures(self, tmp_path: Path) -> None:
        """Their ids are those of relative paths, so that a copy elsewhere has the same digest."""
        make_tree(tmp_path, "p/1.jpg", "p/2.jpg", "p/3.jpg")
        source = make_csv(tmp_path, f"text,label,image\na,A,{tmp_path}/p/1.jpg\nb,B,p\\2.jpg\nc,A,./p/3.jpg\n")
        assert read_split(source).ids == ("p/1.jpg", "p/2.jpg", "p/3.jpg")

    def test_links_may_leave_where_that_is_allowed(self, tmp_path: Path) -> None:
        """Links of files and of folders; a written way out stays refused."""
        make_tree(tmp_path / "store", "1.jpg", "2.jpg")
        source = make_csv(tmp_path / "set", "text,label,image\na,A,1.jpg\nb,B,more/2.jpg\n")
        (tmp_path / "set/1.jpg").symlink_to(tmp_path / "store/1.jpg")
        (tmp_path / "set/more").symlink_to(tmp_path / "store")
        text = message(source)
        assert "line 2" in text
        assert "line 3" in text
        assert "allow_links: true" in text
        assert read_split(source, options=ReadOptions(allow_links=True)).ids == ("1.jpg", "more/2.jpg")
        source.write_text("text,label,image\na,A,1.jpg\nb,B,../store/2.jpg\n")
        assert "leaves" in message(source, options=ReadOptions(allow_links=True))


class TestTextsAlone:
    """A study of texts and an image column that it doesn't need."""

    @pytest.mark.parametrize(
        ("cell", "told"),
        [
            ("gone.jpg", "no existing"),
            ("https://example.org/1.jpg", "URL"),
            ("", "empty"),
            ("1.jpg", "several rows name one file"),
        ],
    )
    def test_it_is_left_aside_where_it_can_t_be_used(self, tmp_path: Path, cell: str, told: str) -> None:
        """Rows are numbered then, and a person is told why."""
        source = make_csv(tmp_path, f"text,label,image\na,A,1.jpg\nb,B,{cell}\n", "1.jpg")
        split = read_split(source, modalities=("text",))
        assert split.ids == ("row-1", "row-2")
        assert split.inputs["image"] == (None, None)
        assert split.account is not None
        assert told in split.account.notes[0]

    def test_it_names_the_samples_where_it_can(self, tmp_path: Path) -> None:
        """As it always has, so that begun studies go on."""
        source = make_csv(tmp_path, "text,label,image\na,A,2.jpg\nb,B,1.jpg\n", "1.jpg", "2.jpg")
        split = read_split(source, modalities=("text",))
        assert split.ids == ("1.jpg", "2.jpg")
        assert split.inputs["text"] == ("b", "a")
        assert split.account is not None
        assert split.account.notes == ()


class TestCaptions:
    """Several rows of one picture."""

    def test_they_are_one_sample(self, tmp_path: Path) -> None:
        """Its captions are in the rows' order, however the path is written; one caption stays a text."""
        content = "text,label,image\nb,A,1.jpg\nc,B,2.jpg\na,A,./1.jpg\n"
        split = read_split(make_csv(tmp_path, content, "1.jpg", "2.jpg"))
        assert split.ids == ("1.jpg", "2.jpg")
        assert split.inputs["text"] == (("b", "a"), "c")
        assert split.label_names == ("A", "B")
        account = split.account
        assert account is not None
        assert (account.taken, account.used, account.total) == (2, {"header": 1, "further captions": 1}, 4)
        assert account.notes == ("3 rows are 2 pictures: those that share one are its captions",)

    def test_rows_that_differ_in_nothing_are_refused(self, tmp_path: Path) -> None:
        """With their lines."""
        content = "text,label,image\na,A,1.jpg\nb,A,1.jpg\na,A,1.jpg\nb,B,2.jpg\n"
        assert "3 rows name this sample (line 2, line 3, line 4), some of them with the same content" in message(
            make_csv(tmp_path, content, "1.jpg", "2.jpg")
        )

    def test_merged_labels_are_equal(self, tmp_path: Path) -> None:
        """Two spellings of one class are no contradiction."""
        source = make_csv(tmp_path, "text,label,image\na,A,1.jpg\nb,a,1.jpg\nc,B,2.jpg\n", "1.jpg", "2.jpg")
        assert "different labels" in message(source)
        assert read_split(source, options=ReadOptions(merge={"a": "A"})).counts() == {"A": 1, "B": 1}


class TestMerging:
    """`data.labels.merge`."""

    def test_spellings_become_one_class(self, tmp_path: Path) -> None:
        """In a CSV and in a tree; the sample's id keeps its folder; train's classes are asked for after merging."""
        options = ReadOptions(merge={"blue": "Blue", "Bleu": "Blue"})
        source = make_csv(tmp_path / "csv", "text,label\na,Blue\nb, blue \nc,Bleu\nd,Green\n")
        assert read_split(source, modalities=("text",), options=options).counts() == {"Blue": 3, "Green": 1}
        root = make_tree(tmp_path / "tree", "Bleu/1.jpg", "blue/2.jpg", "Green/3.jpg")
        split = read_split(root, classes=("Blue", "Green"), options=options)
        assert split.ids == ("Bleu/1.jpg", "Green/3.jpg", "blue/2.jpg")
        assert split.label_names == ("Blue", "Green", "Blue")
