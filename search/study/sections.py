"""A modality's section of a study: a trial's fixed values, and the search around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, ValidationError, model_validator

from search.methods.stopping import SCHEDULERS, Scheduler, SchedulerName, make_scheduler
from search.space.conditions import active, condition_faults
from search.space.corners import end_points
from search.space.dimensions import AnyDimension, Frozen
from search.space.values import is_number
from search.study.faults import Fault, FaultsError, faults_of, shown, suggestion
from search.study.heads import Heads, head_wish
from search.study.planned import trials_of
from trainables.config import NOT_SEARCHED, Count, Natural, TrialConfig
from trainables.modalities import modality_of
from trainables.modality import SearchedValues
from trainables.names import LATENCY, SIZE, VAL_ACCURACY


def _count_or_auto(value: object) -> object:
    if value == "auto" or (isinstance(value, int) and is_number(value) and value >= 1):
        return value
    raise ValueError(f"must be a whole number from 1 on, or auto, but got {shown(value)}.")


def _share_or_auto(value: object) -> object:
    if value == "auto":
        return value
    if is_number(value) and value >= 0:
        return float(value)
    raise ValueError(f"must be a number from 0 on (0.5: two trials share a GPU), or auto, but got {shown(value)}.")


def _objectives(given: tuple[str, ...]) -> tuple[str, ...]:
    known = (VAL_ACCURACY, LATENCY, SIZE)
    faults = [f"unknown objective {shown(name)}; {suggestion(name, known)}" for name in given if name not in known]
    if not faults and (given[:1] != (VAL_ACCURACY,) or len(given) > 2 or given[1:] == (VAL_ACCURACY,)):
        faults = [
            f"must be {VAL_ACCURACY}, alone or before one other ({LATENCY} or {SIZE}), but got {shown(list(given))}."
        ]
    if faults:
        raise ValueError(" ".join(faults))
    return given


CountOrAuto = Annotated[int | Literal["auto"], PlainValidator(_count_or_auto)]
ShareOrAuto = Annotated[float | Literal["auto"], PlainValidator(_share_or_auto)]


class SchedulerSection(Frozen):
    """When a trial is stopped early; the rules are in `search/methods/stopping.py`.

    First compared after `grace` epochs; with asha and hyperband the best 1/`factor` go on.
    """

    name: SchedulerName = "asha"
    grace: Count = 3
    factor: Annotated[int, Field(ge=2, strict=True)] = 3


class ResourcesSection(Frozen):
    """What one trial gets; auto: decided from what the cluster has."""

    cpus: CountOrAuto = "auto"
    gpus: ShareOrAuto = "auto"


class SearchSection(Frozen):
    """How many trials, proposed how, over which space.

    `points` are trials that run right after the section's own values; each names the keys in which it differs. A point
    may set any hyperparameter; one that leaves the space is on record but teaches the sampler nothing.
    """

    replaced: ClassVar[dict[str, str]] = {
        "asha": "write `scheduler: {name: asha, grace: ..., factor: ...}`, with `name: none` for `enabled: false`."
    }

    trials: Natural = 20  # 0: heads alone
    # Heads on frozen features before anything is fine-tuned, beside `trials`: auto, none, or which ones.
    heads: Heads = "auto"
    # After so many trials of which none is better than the best head, no more begin; null: all of them run.
    patience_trials: Count | None = 10
    method: Literal["tpe", "random", "cmaes", "gp"] = "tpe"  # cmaes: ranges only, choices are made at random
    startup_trials: Natural = 10  # random trials before the method models what it saw
    target: Annotated[float, Field(gt=0, le=1, strict=True)] | None = None  # a val accuracy that ends the search
    objectives: Annotated[tuple[str, ...], AfterValidator(_objectives)] = (VAL_ACCURACY,)  # the second is minimised
    space: dict[str, AnyDimension] = Field(default_factory=dict)
    points: tuple[dict[str, Any], ...] = ()
    scheduler: SchedulerSection = SchedulerSection()
    concurrency: CountOrAuto = "auto"
    resources: ResourcesSection = ResourcesSection()


class SearchedSection(Frozen):
    """What the section of every modality has: the search, and the rules between it and the fixed values."""

    modality: ClassVar[str]
    config_type: ClassVar[type[TrialConfig]]

    search: SearchSection = SearchSection()

    def fixed(self) -> dict[str, Any]:
        """The section's own values: every field of the trial config. The first trial runs with them."""
        return self.model_dump(exclude={"search"})

    def trial_count(self) -> int:
        """How many trials there are to run: without a space only the fixed ones."""
        return trials_of(dict(self.search))

    def scheduler_for(self, seed: int = 0) -> Scheduler:
        """A new scheduler of the search. `seed`: of what it draws at random."""
        given, max_epochs = self.search.scheduler, self.fixed()["max_epochs"]
        return make_scheduler(given.name, grace=given.grace, factor=given.factor, max_epochs=max_epochs, seed=seed)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        faults = [
            *_space_faults(self),
            *_corner_faults(self),
            *_point_faults(self),
            *_budget_faults(self),
            *_method_faults(self),
        ]
        if faults:
            raise FaultsError(list(dict.fromkeys(faults)))
        return self


@cache
def section_type(name: str) -> type[SearchedSection]:
    """The type of a modality's section: its trial's hyperparameters beside `search`."""
    trial_type = modality_of(name).config_type

    class Section(SearchedSection, trial_type):  # type: ignore[misc, valid-type]  # which one is known at run time
        modality: ClassVar[str] = name
        config_type: ClassVar[type[TrialConfig]] = trial_type

    Section.__name__, Section.__doc__ = f"{name.capitalize()}Section", f"`{name}:` of a study."
    return Section


def not_searched(name: str) -> dict[str, str]:
    """The hyperparameters of a modality that are the study's to set and no trial's to vary, with the reason."""
    return {**NOT_SEARCHED, **modality_of(name).not_searched}


def searched_values(section: SearchedSection) -> SearchedValues:
    """Which hyperparameters the trials of a section's search may have."""
    own = section.fixed()
    points = [section.config_type.parsed({**own, **changed}).model_dump() for changed in ({}, *section.search.points)]
    space = section.search.space
    values = {key: space[key].values if key in space else [value] for key, value in own.items()}
    return SearchedValues(own, values, points)


def head_trials(section: SearchedSection) -> list[dict[str, Any]]:
    """The head trials of a section's search, whole, in the order in which they should run.

    UserError where a network that is asked for has no features.
    """
    wish = head_wish(section.search.heads)
    return [] if wish is None else modality_of(section.modality).heads(searched_values(section), wish)


def _trial_faults(section: SearchedSection, changed: Mapping[str, object]) -> list[Fault]:
    """What is wrong with the trial of the section's own values and these changed ones."""
    values = {**section.fixed(), **changed}
    try:
        section.config_type.parsed(values)
    except ValidationError as error:
        return faults_of(error, values, section.config_type, noun="hyperparameter")
    return []


def _searchable(section: SearchedSection) -> list[str]:
    refused = not_searched(section.modality)
    return [key for key in section.config_type.model_fields if key not in refused]


def _space_faults(section: SearchedSection) -> Iterator[Fault]:
    """Every searched key is a hyperparameter, its dimension holds the own value, and its conditions can be met."""
    own, space = section.fixed(), section.search.space
    for key, parent, text in condition_faults(space):
        yield Fault(("search", "space", key, "when", parent), text, reads=(("search", "space", parent),))
    in_first, refused = active(space, own), not_searched(section.modality)
    for key, dimension in space.items():
        path = ("search", "space", key)
        if key in refused:
            remedy = f"Set {section.modality}.{key} instead."
            yield Fault(path, f"can't be searched: {refused[key]}. {remedy}")
        elif key not in own:
            yield Fault(path, f"unknown hyperparameter; {suggestion(key, _searchable(section))}")
        elif key in in_first and not dimension.contains(own[key]):
            text = (
                f"the first trial runs with the section's own values, and `{key}` is {shown(own[key])}, "
                f"outside {dimension.describe()}; {dimension.widening} or set {section.modality}.{key}."
            )
            yield Fault(path, text, reads=((key,),))


def _corner_faults(section: SearchedSection) -> Iterator[Fault]:
    """The trials at the ends of the space have valid configs."""
    space = {key: d for key, d in section.search.space.items() if key in _searchable(section)}
    if any(condition_faults(space)):
        return  # which keys a corner has isn't known
    for corner in end_points(space):
        for fault in _trial_faults(section, corner):
            if fault.path and fault.path[0] in corner:
                text = f"at {shown(corner[str(fault.path[0])])}: {fault.text}"
                yield Fault(("search", "space", fault.path[0]), text)
            else:
                # A rule between several keys, any of which may be at fault.
                yield Fault(("search", "space"), fault.text, reads=_every_key(section))


def _point_faults(section: SearchedSection) -> Iterator[Fault]:
    """The trials of the listed points have valid configs."""
    for place, point in enumerate(section.search.points):
        for fault in _trial_faults(section, point):
            path = ("search", "points", place, *fault.path)
            yield Fault(path, fault.text, reads=() if fault.path else _every_key(section))


def _every_key(section: SearchedSection) -> tuple[tuple[str], ...]:
    return tuple((key,) for key in section.config_type.model_fields)


def _budget_faults(section: SearchedSection) -> Iterator[Fault]:
    """The fixed trials fit into the number of trials, and the first rung into a trial."""
    settings = section.search
    needed = 1 + len(settings.points)
    if settings.trials == 0:
        if head_wish(settings.heads) is None:
            yield Fault(
                ("search", "trials"),
                "a modality must have trials or heads, but got (trials=0, heads=none). Set one of them.",
                reads=(("search", "heads"),),
            )
    elif settings.trials < needed:
        yield Fault(
            ("search", "trials"),
            f"`trials >= 1 + len(points)` must hold (the section's own values are the first trial), "
            f"but got (trials={settings.trials}, len(points)={len(settings.points)}). Set it to {needed} or more.",
            reads=(("search", "points"),),
        )
    scheduler, max_epochs = settings.scheduler, section.fixed()["max_epochs"]
    if SCHEDULERS[scheduler.name].stops and scheduler.grace > max_epochs:
        yield Fault(
            ("search", "scheduler", "grace"),
            f"`grace <= max_epochs` must hold, but got (grace={scheduler.grace}, max_epochs={max_epochs}). "
            f"Lower it, or set {section.modality}.search.scheduler.name to none.",
            reads=(("max_epochs",), ("search", "scheduler", "name")),
        )


def _method_faults(section: SearchedSection) -> Iterator[Fault]:
    """The method can work on the space, and both it and the scheduler on the objectives."""
    settings = section.search
    ranges = [one for one in settings.space.values() if one.numeric and not one.single]
    if settings.method == "cmaes" and len(ranges) < 2:
        yield Fault(
            ("search", "method"),
            f"cmaes needs at least 2 numeric dimensions (float or int), but got {len(ranges)} in the space. "
            f"Search more ranges, or set it to tpe.",
            reads=(("search", "space"),),
        )
    if len(settings.objectives) > 1:
        yield from _objectives_faults(section)


def _objectives_faults(section: SearchedSection) -> Iterator[Fault]:
    """What can't work with two objectives."""
    settings, reads = section.search, (("search", "objectives"),)
    alone = f"or leave {VAL_ACCURACY} as the only objective."
    if SCHEDULERS[settings.scheduler.name].stops:
        yield Fault(
            ("search", "scheduler", "name"),
            f"must be none with two objectives, as it would stop trials for their val accuracy alone, "
            f"but got {shown(settings.scheduler.name)}. Set {section.modality}.search.scheduler.name to none, {alone}",
            reads=reads,
        )
    if settings.method not in ("tpe", "random"):
        yield Fault(
            ("search", "method"),
            f"must be tpe or random with two objectives, but got {shown(settings.method)}. Set it to tpe, {alone}",
            reads=reads,
        )
