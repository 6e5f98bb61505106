"""A new study whose texts' number tells the class is refused, told, or told what is done about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from search_fakes import study

from search.preflight import shortcuts
from search.preflight.shortcuts import check_shortcuts, counter_in, settled
from search.study.config import StudyConfig
from trainables.data.check.findings import Finding
from trainables.data.check.shortcuts import counter_shortcut
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.names import TRAIN, VAL

CLASSES = ("Blue", "Green")


def table(numbers: np.ndarray, labels: np.ndarray) -> Split:
    """A split of texts with these numbers at their ends, whose words say nothing."""
    texts = tuple(f"{'abcdefghijklmnopqrstuvwxyz'[n % 26]}{'abcdefghijk'[n % 11]}ing_{n}" for n in numbers)
    ids = tuple(f"{label}/{text}" for label, text in zip(labels, texts, strict=True))
    return Split(ids, labels, CLASSES, {"text": texts})


@pytest.fixture
def splits() -> dict[str, Split]:
    """Runs of ten of one class; every fifth sample is val's."""
    numbers = np.arange(400)
    labels = np.repeat(np.random.default_rng(0).integers(0, 2, 40), 10)
    val = numbers % 5 == 2
    return {TRAIN: table(numbers[~val], labels[~val]), VAL: table(numbers[val], labels[val])}


def config(folder: Path, text: dict[str, Any], **data: Any) -> StudyConfig:
    """A study of texts alone."""
    places = {"train": str(folder / "train"), "val": str(folder / "val")}
    return study(folder, modalities=["text"], text=text, data={**places, **data})


SPACE = {"cleaning": {"type": "choice", "choices": ["words", "raw"]}}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ({"cleaning": "raw"}, "text.cleaning"),
        ({"cleaning": "words", "search": {"space": SPACE}}, "text.search.space.cleaning"),
        (
            {"cleaning": "words", "search": {"points": [{}, {"cleaning": "raw"}]}},
            "text.search.points[1].cleaning",
        ),
    ],
)
def test_raw_texts_are_refused_with_both_remedies(
    tmp_path: Path, splits: dict[str, Split], text: dict[str, Any], place: str
) -> None:
    """Wherever a trial would read the number; with the measured share, and allowed by a key of the study."""
    with pytest.raises(UserError) as error:
        check_shortcuts(config(tmp_path, text), counter_in(splits))
    for words in (place, "cleaning: words", "allow_shortcut: [counter]", "% right ("):
        assert words in str(error.value)
    for allowed in ("counter", ["counter"]):
        (found,) = check_shortcuts(config(tmp_path, text, allow_shortcut=allowed), counter_in(splits))
        assert "nevertheless" in found.remedy
        assert found.numbers["low"] > found.numbers["majority"]


def test_texts_without_it_are_fine_and_that_is_told(tmp_path: Path, splits: dict[str, Split]) -> None:
    """The finding stays, for the record; a study without texts isn't looked at."""
    (found,) = check_shortcuts(config(tmp_path, {"cleaning": "words"}), counter_in(splits))
    assert "without it" in found.remedy
    assert check_shortcuts(study(tmp_path, modalities=["image"]), counter_in(splits)) == ()


def test_a_val_that_gives_no_credit_is_no_reason_to_refuse(tmp_path: Path, splits: dict[str, Split]) -> None:
    """Val in whole blocks of another numbering: what tells the class within train wouldn't be rewarded."""
    val = splits[VAL]
    labels = np.random.default_rng(1).permutation(val.labels)
    other = {TRAIN: splits[TRAIN], VAL: table(np.arange(80) * 5 + 1000, labels)}
    (found,) = check_shortcuts(config(tmp_path, {"cleaning": "raw"}), counter_in(other))
    assert "no credit" in found.remedy


def test_random_numbers_are_nothing(tmp_path: Path) -> None:
    """No finding, no refusal."""
    rng = np.random.default_rng(3)
    splits = {
        TRAIN: table(rng.permutation(1000)[:320], rng.integers(0, 2, 320)),
        VAL: table(1000 + rng.permutation(1000)[:80], rng.integers(0, 2, 80)),
    }
    assert check_shortcuts(config(tmp_path, {"cleaning": "raw"}), counter_in(splits)) == ()


def test_a_study_that_leaves_it_open_begins_with_words(tmp_path: Path, splits: dict[str, Split]) -> None:
    """Only where the number tells the class and isn't allowed; what is written stays."""
    left_open = config(tmp_path, {})
    begun = settled(left_open, counter_in(splits))
    assert begun.text.cleaning == "words"
    assert "without it" in check_shortcuts(begun, counter_in(splits))[0].remedy
    rng = np.random.default_rng(3)
    shuffled = {name: Split(s.ids, rng.permutation(s.labels), CLASSES, s.inputs) for name, s in splits.items()}
    for given, data in (
        (left_open, shuffled),
        (config(tmp_path, {}, allow_shortcut="counter"), splits),
        (config(tmp_path, {"cleaning": "raw"}), splits),
    ):
        assert settled(given, counter_in(data)) == given


def test_the_number_is_looked_for_once_and_only_when_asked(
    tmp_path: Path, splits: dict[str, Split], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many ask: settling a study and checking it."""
    looked: list[int] = []

    def looking(train: Split, val: Split) -> Finding | None:
        looked.append(len(train))
        return counter_shortcut(train, val)

    monkeypatch.setattr(shortcuts, "counter_shortcut", looking)
    counter = counter_in(splits)
    assert looked == []
    assert check_shortcuts(settled(config(tmp_path, {}), counter), counter)
    assert looked == [320]
