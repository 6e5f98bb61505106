"""What a study keeps of its data."""

from __future__ import annotations

import dataclasses
import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources import make_csv

from trainables.data.reading.read_split import read_split
from trainables.data.samples import Split
from trainables.data.study_data import packed, read_study_data
from trainables.errors import UserError
from trainables.names import DATA_FILE, OLD_DATA_FILE


def kept(folder: Path, train: Split, val: Split) -> Path:
    """The file of these splits."""
    path = folder / DATA_FILE
    path.write_bytes(packed(train, val))
    return path


def equal(one: Split, other: Split) -> None:
    """Every field of a table, in its order."""
    assert (one.ids, one.classes) == (other.ids, other.classes)
    assert list(one.inputs.items()) == list(other.inputs.items())
    np.testing.assert_array_equal(one.labels, other.labels)


def older(train: Split, val: Split) -> dict[str, Any]:
    """As the first version wrote it: an object a sample."""
    splits = {
        split_name: [
            {"id": one, "label": label, **{name: str(items[row]) for name, items in split.inputs.items()}}
            for row, (one, label) in enumerate(zip(split.ids, split.label_names, strict=True))
        ]
        for split_name, split in (("train", train), ("val", val))
    }
    return {"classes": list(train.classes), **splits}


class TestPacked:
    """The file and back."""

    def test_there_and_back(self, train: Split, val: Split, tmp_path: Path) -> None:
        """The splits come back as they were; the same splits give the same bytes; no test split is named."""
        back = read_study_data(kept(tmp_path, train, val))
        assert list(back) == ["train", "val"]
        equal(back["train"], train)
        equal(back["val"], val)
        assert packed(train, val) == packed(back["train"], back["val"])
        head = json.loads(gzip.decompress(packed(train, val)).splitlines()[0])
        assert head["classes"] == ["A", "B"]
        assert head["splits"] == {
            "train": {"samples": 3, "modalities": ["image", "text"]},
            "val": {"samples": 1, "modalities": ["image", "text"]},
        }

    def test_a_csv_without_images(self, tmp_path: Path) -> None:
        """A sample without a picture has null for one."""
        split = read_split(make_csv(tmp_path, "text,label\na,A\nb,B\n"), modalities=("text",))
        equal(read_study_data(kept(tmp_path, split, split))["val"], split)
        assert b"[null,null]" in gzip.decompress(packed(split, split))

    def test_several_captions(self, tmp_path: Path) -> None:
        """They come back as a tuple."""
        source = make_csv(tmp_path, "text,label,image\na,A,1.jpg\nb,A,1.jpg\nc,B,2.jpg\n", "1.jpg", "2.jpg")
        split = read_split(source)
        assert split.inputs["text"] == (("a", "b"), "c")
        equal(read_study_data(kept(tmp_path, split, split))["train"], split)

    @settings(max_examples=50, deadline=None)
    @given(texts=st.lists(st.text(max_size=20), min_size=1, max_size=20), chunk=st.integers(1, 5))
    def test_any_text_in_any_number_of_parts(self, texts: list[str], chunk: int) -> None:
        """Line ends and quotes come back, wherever a part ends."""
        ids = tuple(f"row-{number}" for number in range(len(texts)))
        split = Split(ids, np.zeros(len(texts), dtype=np.int64), ("A", "B"), {"text": tuple(texts)})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("trainables.data.study_data.CHUNK", chunk)
            content = packed(split, split)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / DATA_FILE).write_bytes(content)
            equal(read_study_data(Path(folder) / DATA_FILE)["train"], split)

    def test_splits_of_other_classes_don_t_go_together(self, train: Split, val: Split) -> None:
        """Train and val with different classes can't be written."""
        with pytest.raises(ValueError, match="share their classes"):
            packed(train, dataclasses.replace(val, classes=("A", "B", "C")))

    def test_words_that_repeat_take_little_room(self) -> None:
        """20,000 pictures with their names take less than 30 bytes each: a million, less than 30 MB."""
        names = [f"empty_plastic_yogurt_bottle_{number}" for number in range(20_000)]
        paths = tuple(Path(f"/data/garbage/Train/Blue/{name}.jpg") for name in names)
        ids = tuple(f"Blue/{name}.jpg" for name in names)
        split = Split(
            ids, np.zeros(len(ids), dtype=np.int64), ("Blue", "Green"), {"image": paths, "text": tuple(names)}
        )
        assert len(packed(split, split.rows(np.arange(1)))) < 30 * len(ids)


class TestDamage:
    """Files that aren't whole."""

    @pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\x00", b"\x1f\x8b", gzip.compress(b"null\n", mtime=0)])
    def test_a_torn_file_is_refused(self, tmp_path: Path, content: bytes | None) -> None:
        """Missing, empty, binary, or of another shape: one message that names the file and what to do."""
        path = tmp_path / DATA_FILE
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UserError, match=r"data\.jsonl\.gz .*[Rr]es(ume|tore)"):
            read_study_data(path)

    def test_every_cut_and_flipped_bit_is_seen(self, train: Split, val: Split, tmp_path: Path) -> None:
        """By the packing's check sum; what is read is what was written, or refused."""
        whole = packed(train, val)
        path = tmp_path / DATA_FILE
        for place in range(len(whole)):
            for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :]):
                path.write_bytes(damaged)
                try:
                    found = read_study_data(path)
                except UserError:
                    continue
                equal(found["train"], train)  # a bit of gzip's own head, which says nothing of the content
                equal(found["val"], val)
                assert len(damaged) == len(whole)

    @pytest.mark.parametrize(
        ("line", "wrong"),
        [
            (0, '{"format": 3, "classes": ["A", "B"], "splits": {}}'),
            (0, '{"format": 2, "classes": ["A", "B"], "splits": {"test": {}}}'),
            (1, '["A/1.jpg","A/1.jpg","B/3.jpg"]'),
            (2, "[0,0,2]"),
            (2, "[0,0]"),
            (3, "null"),
            (4, '{"a": 1}'),
        ],
    )
    def test_a_part_of_another_shape_is_refused(
        self, train: Split, val: Split, tmp_path: Path, line: int, wrong: str
    ) -> None:
        """Another format or split, an id twice, a label that is no class, a column that is too short or none."""
        lines = gzip.decompress(packed(train, val)).splitlines()
        lines[line] = wrong.encode()
        (tmp_path / DATA_FILE).write_bytes(gzip.compress(b"\n".join(lines)))
        with pytest.raises(UserError, match="it is damaged"):
            read_study_data(tmp_path / DATA_FILE)

    def test_more_than_there_should_be_is_refused(self, train: Split, val: Split, tmp_path: Path) -> None:
        """A line after the last column."""
        (tmp_path / DATA_FILE).write_bytes(gzip.compress(gzip.decompress(packed(train, val)) + b"[1]\n"))
        with pytest.raises(UserError, match="too many"):
            read_study_data(tmp_path / DATA_FILE)


class TestOlder:
    """What the first version wrote."""

    def test_it_is_read_where_it_is_alone(self, train: Split, val: Split, tmp_path: Path) -> None:
        """With an object a sample; the newer file comes first where both are there."""
        (tmp_path / OLD_DATA_FILE).write_text(json.dumps(older(train, val)))
        back = read_study_data(tmp_path / DATA_FILE)
        equal(back["train"], train)
        equal(back["val"], val)
        kept(tmp_path, val, val)
        equal(read_study_data(tmp_path / DATA_FILE)["train"], val)

    @pytest.mark.parametrize("damage", ["test", "missing", "label", "field", "double"])
    def test_damage_is_refused(self, train: Split, val: Split, tmp_path: Path, damage: str) -> None:
        """A test split, a missing one, an unknown label, a missing field and a double id are errors."""
        raw = older(train, val)
        if damage == "test":
            raw["test"] = []
        elif damage == "missing":
            del raw["val"]
        elif damage == "label":
            raw["train"][0]["label"] = "Z"
        elif damage == "field":
            del raw["train"][0]["text"]
        else:
            raw["train"].append(raw["train"][0])
        (tmp_path / OLD_DATA_FILE).write_text(json.dumps(raw))
        with pytest.raises(UserError, match=r"data\.json must"):
            read_study_data(tmp_path / DATA_FILE)
