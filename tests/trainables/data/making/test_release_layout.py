"""The folders of a release become Train, Val and Test."""

from __future__ import annotations

import pytest

from trainables.data.making.release_layout import arranged, split_of


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("Final_dataset_W2025_Train", "Train"),
        ("CVPR_2024_dataset_Val", "Val"),
        ("test", "Test"),
        ("my-TRAIN", "Train"),
        ("contest", None),
        ("Blue", None),
        ("trainers", None),
    ],
)
def test_the_last_word_says_which_split(folder: str, split: str | None) -> None:
    """A split's word at the end, alone or after a mark."""
    assert split_of(folder) == split


def paths(*texts: str) -> list[tuple[str, ...]]:
    """Relative paths."""
    return [tuple(text.split("/")) for text in texts]


@pytest.mark.parametrize("wrapper", ["", "final_dataset_20k/", "a/b/"])
def test_release_folders_get_plain_names(wrapper: str) -> None:
    """The three splits and what lies beside them, without a folder around all."""
    given = [f"{wrapper}X_Train/Blue/a.jpg", f"{wrapper}X_Val/Blue/s/a.jpg", f"{wrapper}X_Test/Test/a.jpg"]
    expected = paths("Train/Blue/a.jpg", "Val/Blue/s/a.jpg", "Test/Test/a.jpg", "readme.txt")
    assert arranged(paths(*given, f"{wrapper}readme.txt")) == expected


@pytest.mark.parametrize(
    "given",
    [
        ["X_Train/Blue/a.jpg", "X_Val/Blue/a.jpg"],
        ["X_Train/a", "X_Val/a", "X_Test/a", "Y_Test/a"],
        ["p/X_Train/a", "p/X_Val/a", "q/X_Test/a"],
        ["Blue/a.jpg", "train"],
        [],
    ],
)
def test_nothing_is_guessed(given: list[str]) -> None:
    """A split that is missing, there twice, or elsewhere: every path stays as it is."""
    assert arranged(paths(*given)) == paths(*given)
