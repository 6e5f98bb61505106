"""Hand-made records, predictions and study folders for the analysis' tests: no model, no network."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from modality_names import IMAGE, TEXT
from numpy.typing import NDArray
from PIL import Image
from split_fakes import with_inputs

from analysis.pipeline import Models
from trainables.data.reading.options import ReadOptions
from trainables.data.samples import Split
from trainables.names import DATA_FILE, SIZE, TRIALS_FILE, VAL_ACCURACY, WEIGHTS_FILE
from trainables.records import EpochResult, Predictions, StopReason, TrialRecord

CLASSES = ("Black", "Blue", "Green")
NUMBERS = "numbers"  # the modality of the package in `numbers_modality`
SKILL = {IMAGE: 1.2, TEXT: 1.8, NUMBERS: 1.0}  # how far the true class's logit is raised
SECONDS = {IMAGE: 0.00025, TEXT: 0.0012, NUMBERS: 0.00001}  # a sample


def epoch(number: int, val_accuracy: float, val_loss: float = 0.5) -> EpochResult:
    """An epoch of which only the val scores matter."""
    return EpochResult(
        epoch=number,
        train_loss=0.4,
        train_accuracy=0.9,
        val_loss=val_loss,
        val_accuracy=val_accuracy,
        val_macro_f1=val_accuracy,
        learning_rate=1e-3,
        epoch_seconds=2.0,
        samples_per_second=500.0,
        best_val_accuracy=val_accuracy,
        best_epoch=number,
    )


def trial(
    modality: str,
    number: int,
    accuracies: tuple[float, ...],
    *,
    reason: StopReason = StopReason.COMPLETED,
    losses: tuple[float, ...] | None = None,
    checkpoint: bool = True,
    params: Mapping[str, Any] | None = None,
    error: str | None = None,
) -> TrialRecord:
    """A trial with one epoch an accuracy."""
    losses = losses or tuple(0.5 for _ in accuracies)
    trial_id = f"{modality}_{number:03d}"
    return TrialRecord(
        study="demo",
        modality=modality,
        trial_id=trial_id,
        number=number,
        params={"learning_rate": 0.001 * (number + 1)} if params is None else params,
        config={"batch_size": 32},
        stop_reason=reason,
        epochs=tuple(epoch(n, a, v) for n, (a, v) in enumerate(zip(accuracies, losses, strict=True), start=1)),
        seconds=12.5 + number,
        checkpoint=f"{modality}/{trial_id}/best" if checkpoint else None,
        error=error,
    )


def split(name: str, samples: int, folder: Path, texts: Mapping[int, str] | None = None) -> Split:
    """A split of pictures, which are small files under `folder`, and texts; `texts` replaces those of some rows."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = np.arange(samples) % len(CLASSES)
    images = []
    for row, label in enumerate(labels):
        path = folder / f"{name}_{row:03d}.jpg"
        Image.new("RGB", (40, 30), (80 * int(label), 90, 200 - 40 * int(label))).save(path)
        images.append(path)
    shown = tuple((texts or {}).get(row, f"a {CLASSES[label]} thing {row}") for row, label in enumerate(labels))
    return Split(
        ids=tuple(f"{CLASSES[label]}/{name}_{row:03d}.jpg" for row, label in enumerate(labels)),
        labels=labels.astype(np.int64),
        classes=CLASSES,
        inputs={IMAGE: tuple(images), TEXT: shown},
    )


def with_numbers(part: Split, gaps: bool = False) -> Split:
    """The same split with numbers; with `gaps` every seventh sample lacks its picture, every fifth its numbers."""
    numbers = [(float(label), row / 4) for row, label in enumerate(part.labels)]
    if not gaps:
        return with_inputs(part, numbers=numbers)
    images = [None if row % 7 == 0 else path for row, path in enumerate(part.inputs[IMAGE])]
    return with_inputs(part, image=images, numbers=[None if row % 5 == 1 else one for row, one in enumerate(numbers)])


def having(part: Split, modality: str) -> Split:
    """The samples that have the modality."""
    return part.rows(np.flatnonzero([item is not None for item in part.inputs[modality]]))


def predictions(part: Split, modality: str, seed: int = 0) -> Predictions:
    """Logits that point to the true class more often than not, the same for the same split and modality."""
    rng = np.random.default_rng([seed, len(part.ids), len(modality)])
    logits = rng.normal(size=(len(part.ids), len(part.classes)))
    logits[np.arange(len(part.ids)), part.labels] += SKILL[modality]
    return Predictions(part.ids, logits.astype(np.float32), part.labels, part.classes, SECONDS[modality])


def accuracy(part: Split, modality: str) -> float:
    """What `predictions` scores on that split."""
    return float(np.mean(predictions(part, modality).logits.argmax(axis=1) == part.labels))


class FakeModels:
    """Stands for the trained models; counts how often the test data were read and which splits were predicted."""

    def __init__(self, splits: Mapping[str, Split], test: Split) -> None:
        self.splits, self.test, self.reads, self.predicted = splits, test, 0, 0
        self.options: ReadOptions | None = None  # how the test data were asked for
        self.fail_reading: Exception | None = None
        self.fail_predicting: Exception | None = None
        self.without_baseline: frozenset[str] = frozenset()  # modalities
        self.kept: dict[str, NDArray[np.float32]] = {}  # val logits by modality, or by trial id
        self.seeds: dict[str, int] = {}  # by trial id, of its predictions; 0 where it has none

    def read_splits(self, study_folder: Path) -> Mapping[str, Split]:
        """Train and val."""
        assert (study_folder / DATA_FILE).exists()
        return self.splits

    def read_split(
        self,
        source: Path,
        *,
        classes: tuple[str, ...],
        modalities: Sequence[str],
        options: ReadOptions | None = None,
    ) -> Split:
        """The test split."""
        self.reads += 1
        self.options = options
        assert set(modalities) <= set(self.test.inputs)
        if self.fail_reading:
            raise self.fail_reading
        assert classes == self.test.classes
        return self.test

    def predict_split(self, checkpoint_folder: Path, part: Split) -> Predictions:
        """Predictions of the modality that the folder's name says."""
        self.predicted += 1
        if self.fail_predicting:
            raise self.fail_predicting
        trial_folder = checkpoint_folder.parent
        return predictions(part, trial_folder.parent.name, self.seeds.get(trial_folder.name, 0))

    def linear_baseline(
        self, checkpoints: Mapping[str, Path], train: Split, evaluate: Mapping[str, Split]
    ) -> Mapping[str, Mapping[str, Predictions]]:
        """Weaker predictions for every split, of the modalities that have a baseline."""
        modalities = [modality for modality in checkpoints if modality not in self.without_baseline]
        return {name: {m: predictions(part, m, seed=7) for m in modalities} for name, part in evaluate.items()}

    def val_logits(self, checkpoint_folder: Path) -> NDArray[np.float32] | None:
        """What lies with the checkpoint."""
        trial_folder = checkpoint_folder.parent
        return self.kept.get(trial_folder.name, self.kept.get(trial_folder.parent.name))

    def models(self) -> Models:
        """As the pipeline takes them."""
        return Models(self.read_splits, self.read_split, self.predict_split, self.linear_baseline, self.val_logits)


def study_folder(
    folder: Path,
    modalities: tuple[str, ...] = (IMAGE, TEXT),
    texts: Mapping[int, str] | None = None,
    *,
    gaps: bool = False,
) -> FakeModels:
    """Writes a study with a few trials per modality under `folder`; the fakes that go with it."""
    splits = {"train": split("train", 30, folder / "pictures"), "val": split("val", 60, folder / "pictures")}
    test = split("test", 45, folder / "pictures", texts)
    if NUMBERS in modalities:
        splits = {name: with_numbers(part, gaps) for name, part in splits.items()}
        test = with_numbers(test, gaps)
    own = {modality: accuracy(having(splits["val"], modality), modality) for modality in modalities}
    _write_study(folder, [record for modality in modalities for record in trials(modality, own[modality])])
    return FakeModels(splits, test)


def study_of_many(folder: Path, modalities: tuple[str, ...] = (IMAGE, TEXT), val: int = 600) -> FakeModels:
    """A study whose three trials of each modality err on other samples: together they are better than any pair."""
    splits = {"train": split("train", 30, folder / "pictures"), "val": split("val", val, folder / "pictures")}
    fakes = FakeModels(splits, split("test", 45, folder / "pictures"))
    records = []
    for modality in modalities:
        for number in range(3):
            said = predictions(splits["val"], modality, number)
            record = trial(modality, number, (float(np.mean(said.logits.argmax(axis=1) == said.labels)),))
            fakes.seeds[record.trial_id], fakes.kept[record.trial_id] = number, said.logits
            records.append(record)
    _write_study(folder, records)
    return fakes


def _write_study(folder: Path, records: Sequence[TrialRecord]) -> None:
    for record in records:
        if record.checkpoint:
            (folder / record.checkpoint).mkdir(parents=True)
            (folder / record.checkpoint / WEIGHTS_FILE).write_bytes(record.trial_id.encode())
    (folder / DATA_FILE).write_text(json.dumps({"note": "read by the fakes"}))
    (folder / TRIALS_FILE).write_text("".join(record.to_json() + "\n" for record in records))


def trials(modality: str, best: float) -> tuple[TrialRecord, ...]:
    """Four trials of which the second is the best; one is pruned, one failed."""
    return (
        trial(modality, 0, (best - 0.3, best - 0.1)),
        trial(modality, 1, (best - 0.2, best, best - 0.05)),
        trial(modality, 2, (best - 0.4,), reason=StopReason.PRUNED),
        trial(modality, 3, (), reason=StopReason.FAILED, checkpoint=False, error="RuntimeError: out of memory"),
    )


def costing(record: TrialRecord, weights_bytes: int, latency: float = 1e-3, objective: str = SIZE) -> TrialRecord:
    """The same trial, of a search that had `objective` beside val accuracy."""
    epochs = tuple(dataclasses.replace(one, weights_bytes=weights_bytes, latency=latency) for one in record.epochs)
    return dataclasses.replace(record, epochs=epochs, objectives=(VAL_ACCURACY, objective))
