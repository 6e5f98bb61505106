"""The lines that read a new data set are YAML that says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from trainables.data.making.study_lines import data_lines


@pytest.mark.parametrize("name", ["mine", "my pictures", "a: b", "#1", '"quoted"', "müll", "no"])
def test_whatever_the_names_are(name: str) -> None:
    """Paths and columns come back as they were, however they are written."""
    root = Path("/data") / name
    found = YAML(typ="safe").load(data_lines(root, lists=True, columns={"text": name}, image_root=root))
    assert found == {
        "data": {
            **{split: str(root / f"{split}.csv") for split in ("train", "val", "test")},
            "image_root": str(root),
            "columns": {"text": name},
        }
    }


def test_folders_are_named_alone() -> None:
    """Three splits and nothing else."""
    assert (
        data_lines(Path("data/mine")) == "data:\n  train: data/mine/Train\n  val: data/mine/Val\n  test: data/mine/Test"
    )
