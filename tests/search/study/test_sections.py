"""The search's keys of a section: method, scheduler, target and objectives, and what goes together."""

from __future__ import annotations

import pytest
from study_fakes import Load, faults, image

from search.methods.stopping import Hyperband, Rule
from search.study.sections import SchedulerSection

RATES = (
    "head_learning_rate: {type: float, low: 1e-4, high: 1e-2, log: true}, "
    "batch_size: {type: int, low: 16, high: 64, step: 16}"
)
FIT = "fit: {type: choice, choices: [pad, crop]}"
TWO = "objectives: [val_accuracy, latency]"


def test_the_defaults(load: Load) -> None:
    """TPE and ASHA on val accuracy, with no target."""
    search = load().image.search
    assert (search.method, search.scheduler, search.target) == ("tpe", SchedulerSection(), None)
    assert search.scheduler.model_dump() == {"name": "asha", "grace": 3, "factor": 3}
    assert search.objectives == ("val_accuracy",)


@pytest.mark.parametrize(
    "search",
    [
        f"method: cmaes, space: {{{RATES}, {FIT}}}",
        f"method: gp, space: {{{FIT}}}",
        "scheduler: {name: hyperband, grace: 1, factor: 4}",
        "scheduler: {name: median}",
        "scheduler: {name: none, grace: 99}",  # nothing is compared after it
        "target: 1, objectives: [val_accuracy]",
        f"scheduler: {{name: none}}, target: 0.5, {TWO}, method: random",
        "scheduler: {name: none}, objectives: [val_accuracy, size]",
    ],
)
def test_what_goes_together_loads(load: Load, search: str) -> None:
    """Each method, scheduler and pair of objectives has a study that is sound."""
    load(image(search))


@pytest.mark.parametrize(
    ("search", "line"),
    [
        (
            "scheduler: {name: ashaa}",
            "scheduler.name: must be 'asha', 'hyperband', 'median' or 'none', but got \"ashaa\"",
        ),
        ("scheduler: {nmae: asha}", "scheduler.nmae: unknown key; did you mean name? Known: name, grace, factor."),
        (
            "scheduler: {name: median, grace: 51}",
            "scheduler.grace: `grace <= max_epochs` must hold, but got (grace=51, max_epochs=50). Lower it, or set "
            "image.search.scheduler.name to none.",
        ),
        ("target: 0", "target: must be greater than 0, but got 0."),
        ("target: 85", "target: must be less than or equal to 1, but got 85."),
        ("target: true", "target: must be a valid number, but got true."),
        (
            "objectives: [val_acuracy]",
            'objectives: unknown objective "val_acuracy"; did you mean val_accuracy? Known: ',
        ),
        (
            "objectives: []",
            "objectives: must be val_accuracy, alone or before one other (latency or size), but got [].",
        ),
        ("objectives: [size]", 'or before one other (latency or size), but got ["size"].'),
        ("objectives: [val_accuracy, val_accuracy]", 'but got ["val_accuracy", "val_accuracy"].'),
        ("objectives: [val_accuracy, size, latency]", 'but got ["val_accuracy", "size", "latency"].'),
        (
            f"method: cmaes, space: {{{FIT}}}",
            "method: cmaes needs at least 2 numeric dimensions (float or int), but got 0 in the space. "
            "Search more ranges, or set it to tpe.",
        ),
        ("method: cmaes", "method: cmaes needs at least 2 numeric dimensions"),
        (
            "method: cmaes, space: {label_smoothing: {type: float, low: 0, high: 0.2}, "
            "batch_size: {type: int, low: 32, high: 32}}",
            "(float or int), but got 1 in the space",
        ),
        (
            TWO,
            "scheduler.name: must be none with two objectives, as it would stop trials for their val accuracy alone, "
            'but got "asha". Set image.search.scheduler.name to none, or leave val_accuracy as the only objective.',
        ),
        (
            f"{TWO}, scheduler: {{name: none}}, method: gp",
            'method: must be tpe or random with two objectives, but got "gp". Set it to tpe, or leave val_accuracy',
        ),
        (
            "asha: {grace: 2, enabled: false}",
            "asha: was replaced: write `scheduler: {name: asha, grace: ..., factor: ...}`, with `name: none` for",
        ),
    ],
)
def test_each_mistake_is_named(load: Load, search: str, line: str) -> None:
    """One line with the key, the rule, what was given and what to do."""
    (_, given) = faults(load, image(search))
    assert given.startswith("image.search.")
    assert line in given


def test_no_fault_follows_from_another(load: Load) -> None:
    """Where a dimension, the scheduler's name or an objective is faulty, the rules that read it are silent."""
    faulty = "x: {type: float, low: 3, high: 1}"
    (_, *lines) = faults(load, image(f"method: cmaes, space: {{{faulty}}}"))
    assert not any("cmaes" in line for line in lines)
    (_, line) = faults(load, image("scheduler: {name: nnone, grace: 99}"))
    assert line.startswith("image.search.scheduler.name: must be 'asha'")
    (_, line) = faults(load, image("objectives: [val_accuracy, latencyy], method: gp"))
    assert "unknown objective" in line


def test_an_old_override_says_what_replaced_it(load: Load) -> None:
    """`--set` with the old key, too."""
    (_, line) = faults(load, "", "text.search.asha.enabled=false")
    assert line.startswith("text.search.asha: was replaced: write `scheduler: {name: asha,")


def test_the_scheduler_of_a_section(load: Load) -> None:
    """A new one each time, by the section's name, first rung and factor, with its trials' epochs."""
    section = load("image: {max_epochs: 9, search: {scheduler: {name: hyperband, grace: 2, factor: 4}}}\n").image
    scheduler = section.scheduler_for(5)
    assert isinstance(scheduler, Hyperband)
    assert scheduler.rule == Rule(grace=2, factor=4, max_epochs=9, seed=5)
    assert section.scheduler_for(5) is not scheduler
