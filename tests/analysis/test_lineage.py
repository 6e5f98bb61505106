"""Test data at their opening: those that the study is bound to and no others, wherever they lie."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from modality_names import IMAGE, TEXT
from picture_fakes import draw_pictures

from analysis import store
from analysis.lineage import Admitted, OpeningTerms, admit, data_digests, is_test_sample, recorded_contents
from trainables.data.lineage.manifest import Manifest, Row, manifest_of, sealed, to_csv
from trainables.data.pictures.digests import file_digests
from trainables.data.reading.read_split import read_split
from trainables.errors import UserError
from trainables.names import MANIFEST_CSV, TEST_MANIFEST_CSV

BOTH = (IMAGE, TEXT)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study's folder; beside it lie its test data."""
    draw_pictures(tmp_path / "test", {"Blue": 3, "Green": 2})
    (tmp_path / "study").mkdir()
    return tmp_path / "study"


def admitted(study: Path, source: Path | None = None, **terms: object) -> Admitted:
    """The data in `source` are to be opened."""
    split = read_split(source or study.parent / "test")
    return admit(study, split, BOTH, OpeningTerms(caches=study.parent / "caches", **terms))  # type: ignore[arg-type]


def test_a_study_is_bound_where_it_was_not(study: Path) -> None:
    """One that began before there were manifests: by the first data that are read; another place changes nothing."""
    first = admitted(study)
    assert (first.samples, first.change, first.overlap) == (5, "", {})
    assert data_digests(study) == {"test": first.digest}
    shutil.copytree(study.parent / "test", study.parent / "elsewhere")
    (study.parent / "test").rename(study.parent / "away")
    assert admitted(study, study.parent / "elsewhere") == first


@pytest.mark.parametrize("what", ["bytes", "gone", "added", "label"])
def test_changed_data_are_refused_with_what_changed(study: Path, what: str) -> None:
    """Each kind since the search began; nothing is written then."""
    bound = admitted(study).digest
    kept = (study / TEST_MANIFEST_CSV).read_bytes()
    first, *_ = sorted((study.parent / "test/Blue").iterdir())
    said = {
        "bytes": f"  1 sample with other bytes:\n  Blue/{first.name} (",
        "gone": "  1 sample gone:\n  SHA-256 ",
        "added": "  1 sample added:\n  Green/new.jpg",
        "label": f" -> Green/{first.name}",
    }
    if what == "bytes":
        first.write_bytes(sorted((study.parent / "test/Green").iterdir())[0].read_bytes() + b"\0")
    elif what == "gone":
        first.unlink()
    elif what == "added":
        shutil.copy(first, study.parent / "test/Green/new.jpg")
    else:
        first.rename(study.parent / "test/Green" / first.name)
    with pytest.raises(UserError, match="have changed since the search began") as error:
        admitted(study, bound=bound)
    assert said[what] in str(error.value)
    assert "Put the files back" in str(error.value)
    assert (study / TEST_MANIFEST_CSV).read_bytes() == kept
    accepted = admitted(study, bound=bound, accept_changes=True)
    assert accepted.change.startswith("1 sample ")
    store.open_final_test(study, "s", accepted.digest, accepted.change)
    assert admitted(study, bound=bound).change == ""  # what was opened last is what it is bound to


def test_the_record_holds_where_the_manifest_is_lost(study: Path) -> None:
    """Removing the file frees nobody: the digest on record must be met."""
    bound = admitted(study).digest
    (study / TEST_MANIFEST_CSV).unlink()
    assert admitted(study, bound=bound).digest == bound
    (study / TEST_MANIFEST_CSV).unlink()
    next((study.parent / "test/Blue").iterdir()).unlink()
    with pytest.raises(UserError, match=r"test_manifest\.csv is gone or damaged"):
        admitted(study, bound=bound)
    assert not (study / TEST_MANIFEST_CSV).exists()


def test_what_a_study_keeps_tells_nothing_of_the_samples(study: Path) -> None:
    """No name, no text and no label of test is in its folder."""
    admitted(study)
    kept = (study / TEST_MANIFEST_CSV).read_text()
    for word in ("Blue", "Green", ".jpg", "test Blue 0"):
        assert word not in kept
    assert [path.name for path in study.iterdir()] == [TEST_MANIFEST_CSV]


def test_contents_on_record_tell_equal_samples(study: Path) -> None:
    """In the order that is asked for; of samples that aren't on record, or without a record, nothing is known."""
    assert recorded_contents(study, "val", ["a"]) == [None]
    rows = (Row("a", "Blue", 1, "x" * 64, ""), Row("b", "Blue", 1, "x" * 64, ""), Row("c", "Blue", 0, "", "text"))
    (study / MANIFEST_CSV).write_bytes(to_csv({"val": Manifest((*rows, Row("d", "Blue", 0, "", "")))}))
    assert recorded_contents(study, "val", ["c", "b", "a", "d", "e"]) == ["text", "x" * 64, "x" * 64, None, None]


def test_samples_of_train_are_counted_and_train_itself_is_refused(study: Path) -> None:
    """By content, against the manifest of what the study learned from."""
    draw_pictures(study.parent / "train", {"Blue": 1, "Green": 1}, seed=1)
    shutil.copy(next((study.parent / "test/Blue").iterdir()), study.parent / "train/Green/copy.jpg")

    def learned_from(source: Path) -> None:
        found = manifest_of(
            read_split(source), BOTH, lambda paths: [(d.size, d.sha256) for d in file_digests(paths, study)]
        )
        (study / MANIFEST_CSV).write_bytes(to_csv({"train": found, "val": sealed(found)}))

    learned_from(study.parent / "train")
    assert admitted(study).overlap == {"train": 1, "val": 1}
    learned_from(study.parent / "test")
    with pytest.raises(UserError, match=r"all 5 test samples are in train.*The test was not opened"):
        admitted(study)


def test_a_test_sample_is_known_again(study: Path) -> None:
    """By its file's bytes, wherever it lies; another picture, a text alone, and a study without a record aren't it."""
    first, *_ = sorted((study.parent / "test/Blue").iterdir())
    assert not is_test_sample(study, {IMAGE: first})
    admitted(study)
    elsewhere = Path(shutil.copy(first, study / "picture.jpg"))
    assert is_test_sample(study, {IMAGE: elsewhere, TEXT: "a jar"})
    assert not is_test_sample(study, {IMAGE: None, TEXT: "a jar"})
    elsewhere.write_bytes(first.read_bytes() + b"\0")
    assert not is_test_sample(study, {IMAGE: elsewhere})
