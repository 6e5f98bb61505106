"""What of a study's data goes on record, and what is said where they have changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.study.lineage import Lineage, change_of_test, check_lineage
from trainables.data.lineage.manifest import Manifest, Row, read_manifests, sealed
from trainables.errors import UserError


def manifest(*paths: str) -> Manifest:
    """Samples with files of these names."""
    return Manifest(tuple(Row(path, "Blue", 3, path[0] * 64, "") for path in paths))


TRAIN, VAL, TEST = manifest("a.jpg", "b.jpg"), manifest("c.jpg"), manifest("d.jpg", "e.jpg")
BEFORE = Lineage({"train": TRAIN, "val": VAL}, TEST)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study's folder with its manifests."""
    for name, content in BEFORE.files().items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_what_goes_on_record(folder: Path) -> None:
    """Of each split its size and digest; train and val by name, test sealed."""
    assert BEFORE.facts() == {
        "train": {"samples": 2, "manifest": TRAIN.digest},
        "val": {"samples": 1, "manifest": VAL.digest},
        "test": {"samples": 2, "manifest": sealed(TEST).digest},
    }
    assert read_manifests(folder / "manifest.csv") == BEFORE.manifests
    assert read_manifests(folder / "test_manifest.csv") == {"test": sealed(TEST)}
    assert set(Lineage(BEFORE.manifests).files()) == {"manifest.csv"}
    assert set(Lineage(BEFORE.manifests).facts()) == {"train", "val"}


def test_changed_data_are_refused_with_what_changed(folder: Path) -> None:
    """Each split's samples by name; data that are as they were pass, and so do splits that aren't bound."""
    check_lineage("demo", BEFORE.facts(), folder, BEFORE.manifests)
    now = {"train": manifest("a.jpg", "new.jpg"), "val": manifest("x.jpg")}
    with pytest.raises(UserError) as error:
        check_lineage("demo", BEFORE.facts(), folder, now)
    assert str(error.value).splitlines()[1:-1] == [
        *("  train: 1 sample gone:", "  b.jpg", "  train: 1 sample added:", "  new.jpg"),
        *("  val: 1 sample gone:", "  c.jpg", "  val: 1 sample added:", "  x.jpg"),
    ]
    with pytest.raises(UserError, match="since 'demo' began:\n  val: 1 sample gone"):
        check_lineage("demo", {"val": BEFORE.facts()["val"]}, folder, now)
    check_lineage("demo", {}, folder, now)


def test_a_changed_test_split_is_said(folder: Path) -> None:
    """By what is there of it, and what then can be done; nothing where it is the same, unbound or not named."""
    bound = BEFORE.facts()
    said = change_of_test("demo", bound, folder, Lineage(BEFORE.manifests, manifest("d.jpg"))) or ""
    assert said.splitlines()[1:3] == ["  1 sample gone:", f"  SHA-256 {'e' * 64} (3 bytes)"]
    assert "--accept-changed-test" in said
    assert change_of_test("demo", bound, folder, BEFORE) is None
    assert change_of_test("demo", bound, folder, Lineage(BEFORE.manifests)) is None
    assert change_of_test("demo", {}, folder, Lineage(BEFORE.manifests, VAL)) is None
