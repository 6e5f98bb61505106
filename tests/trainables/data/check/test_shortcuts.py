"""What tells the class and shouldn't is named; clean data stay unmentioned."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from known_pictures import Known
from made_names import CLASSES, demo_names

from trainables.data.check.digits import name_model
from trainables.data.check.names import name_key
from trainables.data.check.shortcuts import counter_shortcut, rewards, sample_names, shortcut_findings
from trainables.data.samples import Split
from trainables.names import TEST, TRAIN, VAL


def test_sessions_are_named_and_chance_is_not() -> None:
    """On the demo in sessions the interval excludes the majority rate; the usual demo's numbers say nothing."""
    splits = demo_names(1000, 0, sessions=True)
    found = counter_shortcut(splits[TRAIN], splits[VAL])
    assert found is not None
    assert found.numbers["low"] > found.numbers["majority"] + 0.1
    assert 3.4 < found.numbers["mean_run"] < 5
    assert rewards(found)
    assert found.numbers["val_accuracy"] > found.numbers["val_majority"] + 0.2
    assert "right (" in found.title
    clean = demo_names(1000, 0, sessions=False)
    assert counter_shortcut(clean[TRAIN], clean[VAL]) is None


def test_twenty_clean_sets_are_silent() -> None:
    """Numbers that say nothing, few and many classes, small sets and larger ones: at most one false alarm in all."""
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        count, classes = int(rng.integers(80, 600)), int(rng.integers(2, 7))
        labels = rng.integers(0, classes, count) * (rng.random(count) < 0.8)
        texts = tuple(
            f"thing{chr(97 + n % 26)}{chr(97 + n // 26 % 26)} {n}" for n in rng.permutation(3 * count)[:count]
        )
        names = tuple(f"class {n}" for n in range(classes))
        both = Split(texts, labels.astype(np.int64), names, {"text": texts})
        val = rng.random(count) < 0.2
        splits = {TRAIN: both.rows(np.flatnonzero(~val)), VAL: both.rows(np.flatnonzero(val))}
        facts = {
            name: [
                Known(int(rng.gamma(4, 20_000)), rng.choice(["JPEG", "PNG"]), "RGB", *rng.integers(300, 900, 2))
                for _ in range(len(split))
            ]
            for name, split in splits.items()
        }
        alarms += len(shortcut_findings(splits, facts))
    assert alarms <= 1


def test_test_is_heard_of_before_it_is_opened() -> None:
    """With test numbered anew the finding says that val's credit misleads, and digits are shown to win on val alone.

    And so it is: the model on raw names is better on val and worse on test than the one without digits.
    """
    splits = demo_names(1000, 0, sessions=True)
    found = {one.kind: one for one in shortcut_findings(splits)}
    assert found["shortcut-counter"].numbers["test_numbering"] == "another"
    assert "numbered anew" in found["shortcut-counter"].title
    digits = found["shortcut-digits"].numbers
    assert digits["raw"] > digits["words"] + 0.02
    assert digits["renumbered"] < digits["words"]
    assert _accuracy(splits, VAL, digits=True) > _accuracy(splits, VAL, digits=False) + 0.02
    assert _accuracy(splits, TEST, digits=True) < _accuracy(splits, TEST, digits=False) - 0.03


def _accuracy(splits: dict[str, Split], name: str, *, digits: bool) -> float:
    def read(split: Split) -> list[str]:
        return [text if digits else name_key(text) for text in sample_names(split)]

    model = name_model().fit(read(splits[TRAIN]), splits[TRAIN].labels)
    return float((model.predict(read(splits[name])) == splits[name].labels).mean())


@pytest.fixture
def pictures() -> dict[str, Split]:
    """Samples whose names say nothing."""
    rng = np.random.default_rng(5)
    made = {}
    for name, count in ((TRAIN, 300), (VAL, 100)):
        ids = tuple(f"{name} {chr(97 + n % 26)}{chr(97 + n // 26)}.jpg" for n in range(count))
        made[name] = Split(ids, rng.integers(0, 4, count), CLASSES, {})
    return made


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("file-size", lambda label: {"size_bytes": 10_000 + 500 * label}),
        ("dimensions", lambda label: {"width": 640 + label}),
        ("format", lambda label: {"format": "PNG" if label else "JPEG"}),
        ("camera", lambda label: {"camera": f"Canon {label}"}),
        ("time", lambda label: {"taken": f"2024:05:{label + 1:02d} 12:00:00"}),
    ],
)
def test_what_a_file_tells(pictures: dict[str, Split], kind: str, change: object) -> None:
    """Each fact that goes with the class is a warning with its share; alone among all, unless others follow from it."""
    facts = {name: [Known(**change(label)) for label in split.labels.tolist()] for name, split in pictures.items()}  # type: ignore[operator]
    found = {one.kind: one for one in shortcut_findings(pictures, facts)}
    assert found[f"shortcut-{kind}"].level == "warning"
    assert found[f"shortcut-{kind}"].numbers["low"] > found[f"shortcut-{kind}"].numbers["majority"]
    assert set(found) <= {f"shortcut-{kind}", "shortcut-file-size"}  # bytes a pixel follow from the dimensions
    assert shortcut_findings(pictures, {name: [Known()] * len(split) for name, split in pictures.items()}) == []


def test_near_duplicates_are_no_evidence(pictures: dict[str, Split]) -> None:
    """A size that goes with one picture and its copies isn't one that goes with the class."""
    rng = np.random.default_rng(1)
    scenes = {name: rng.integers(0, 12, len(split)) for name, split in pictures.items()}
    labelled = {name: Split(split.ids, scenes[name] % 4, CLASSES, split.inputs) for name, split in pictures.items()}
    facts = {name: [Known(size_bytes=9_000 + 977 * (7 * s % 12)) for s in own] for name, own in scenes.items()}
    assert [one.kind for one in shortcut_findings(labelled, facts)] == ["shortcut-file-size"]
    assert shortcut_findings(labelled, facts, {name: own.tolist() for name, own in scenes.items()}) == []


def test_the_order_in_which_files_were_written(tmp_path: Path, pictures: dict[str, Split]) -> None:
    """Runs of one class are noted; files that were copied class by class aren't, as that says nothing."""
    made = {}
    for name, split in pictures.items():
        paths = tuple(tmp_path / one for one in split.ids)
        made[name] = Split(split.ids, np.arange(len(split)) // 5 % 4, CLASSES, {"image": paths})
    paths = [path for split in made.values() for path in split.inputs["image"]]
    for at, path in enumerate(paths):
        path.touch()
        os.utime(path, (1000 + at, 1000 + at))
    (found,) = shortcut_findings(made)
    assert (found.kind, found.level) == ("shortcut-position", "note")
    in_order = {name: Split(s.ids, np.sort(s.labels), CLASSES, s.inputs) for name, s in made.items()}
    assert shortcut_findings(in_order) == []


def test_few_samples_say_nothing() -> None:
    """Below 60 samples nothing is told, be it ever so clear."""
    splits = demo_names(60, 0, sessions=True)
    assert shortcut_findings(splits) == []
    assert counter_shortcut(splits[TRAIN], splits[VAL]) is None
