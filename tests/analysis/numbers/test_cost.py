"""What trials took is told by kind; epochs that stopping saved are those of pruned trials alone."""

from __future__ import annotations

import dataclasses

from analysis_fakes import trial
from modality_names import IMAGE, TEXT

from analysis.numbers.cost import HEADS, TUNING, Cost, cost_of
from analysis.wording import cost_sentence
from trainables.names import HEAD
from trainables.records import StopReason, TrialRecord


def lasting(record: TrialRecord, seconds: float, gpu: int = 0, **config: object) -> TrialRecord:
    """The same trial with that time, that GPU memory and that config."""
    epochs = tuple(dataclasses.replace(one, gpu_memory_bytes=gpu) for one in record.epochs)
    return dataclasses.replace(record, seconds=seconds, epochs=epochs, config=config)


def test_each_kind_has_its_time_its_epochs_and_what_stopping_saved() -> None:
    """A trial that failed or ended by itself saved nothing."""
    records = [
        lasting(trial(TEXT, 0, (0.5,)), 3, head="logistic", max_epochs=1),
        lasting(trial(IMAGE, 0, (0.5, 0.6)), 100, gpu=5, max_epochs=9),
        lasting(trial(IMAGE, 1, (0.4,), reason=StopReason.PRUNED), 40, max_epochs=9),
        lasting(trial(IMAGE, 2, (), reason=StopReason.FAILED, checkpoint=False), 7, max_epochs=9),
    ]
    assert records[0].config[HEAD]
    assert cost_of(records) == (Cost(HEADS, 1, 3, 0, 1, 0), Cost(TUNING, 3, 147, 100, 3, 8))
    assert cost_sentence(cost_of(records)).replace("\u00a0", " ") == (
        "Cost of trials, one after the other: heads on frozen features 3 s (1 trial); fine-tuning 2 min 27 s "
        "(3 trials, 3 epochs), 1 min 40 s of it on a GPU; stopping early saved 8 epochs at most."
    )


def test_what_there_is_none_of_is_not_said() -> None:
    """A study of heads alone, none of them on a GPU."""
    said = cost_sentence(cost_of([lasting(trial(TEXT, 0, (0.5,)), 3, head="logistic", max_epochs=1)]))
    assert said.replace("\u00a0", " ") == "Cost of trials, one after the other: heads on frozen features 3 s (1 trial)."
