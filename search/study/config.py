"""A study as one frozen, typed value: what is searched, on which data, and where the record goes."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, StrictBool, create_model

from search.space.conditions import in_space
from search.space.dimensions import Frozen
from search.study.faults import shown, suggestion
from search.study.sections import SearchedSection, searched_values, section_type
from trainables.config import Count, Natural
from trainables.data.reading.options import LABEL
from trainables.modalities import BUILT_IN, names
from trainables.modality import Decode
from trainables.names import ACCURACY, RICHER, WIDEST_PLATEAU, AlphaRule, FusedMetric, FusionName

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_MODEL_NAME = re.compile(r"[^\W_][\w. -]{0,199}")
_BUDGET = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|min|h|d)")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_TRACKING = re.compile(r"sqlite:///.+|https?://.+|postgresql(\+\w+)?://.+|mysql(\+\w+)?://.+|databricks(://.+)?")


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            "it becomes a folder's name: up to 80 letters, digits, `.`, `_` and `-`, the first one a letter or a "
            f'digit, but got {shown(name)}. Take another, such as "{tamed_name(name)}".'
        )
    return name


def tamed_name(name: str) -> str:
    """The nearest name that is allowed."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("._-")[:80] or "study"


def _absolute(path: Path) -> Path:
    if str(path) == "." or "\0" in str(path):
        raise ValueError("must be a path, but got an empty one.")
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(f"{error}: write the folder out, but got {path}.") from error


def _modalities(given: Sequence[str]) -> Sequence[str]:
    faults = [f"unknown modality {shown(name)}; {suggestion(name, names())}" for name in given if name not in names()]
    if not given:
        faults.append(f"at least one must be given, but got []. Known: {', '.join(names())}.")
    if len(set(given)) < len(given):
        faults.append(f"each can be given once, but got {shown(list(given))}.")
    if faults:
        raise ValueError(" ".join(faults))
    return given


def _tracking(uri: str | None) -> str | None:
    if uri is None:
        return None
    if not _TRACKING.fullmatch(uri):
        path = uri.removeprefix("file:").lstrip("/") if "://" not in uri or uri.startswith("file:") else "mlruns"
        raise ValueError(
            "MLflow keeps its record in a database or on a server: a URI of sqlite:///, http://, https://, "
            f"postgresql://, mysql:// or databricks, but got {shown(uri)}. For a local file write "
            f"sqlite:///{path.rstrip('/') or 'mlruns'}/mlflow.db, or leave it out."
        )
    if uri.startswith("sqlite:///") and not uri.startswith("sqlite:////"):
        # A study may be resumed from elsewhere.
        return f"sqlite:///{Path(uri.removeprefix('sqlite:///')).absolute()}"
    return uri


def _registered(name: str | None) -> str | None:
    if name is None or _MODEL_NAME.fullmatch(name):
        return name
    raise ValueError(
        "it becomes a model's name in MLflow's registry: up to 200 letters, digits, spaces, `.`, `_` and `-`, the "
        f"first one a letter or a digit (auto: the study's name; null: none is registered), but got {shown(name)}."
    )


def budget_seconds(text: str) -> float:
    """The seconds of a time budget such as `90s`, `30min`, `2h` or `1.5d`. ValueError where it is none."""
    match = _BUDGET.fullmatch(text)
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not 0 < seconds < math.inf:
        raise ValueError(_no_budget(text))
    return seconds


def _no_budget(given: object) -> str:
    return f"must be a time above 0 with its unit (s, min, h or d), such as 30min or 1.5d, but got {shown(given)}."


def _time_budget(given: object) -> str | None:
    """As it was written, so that the stored study says what its author said."""
    if given is None:
        return None
    if not isinstance(given, str):
        raise ValueError(_no_budget(given))
    budget_seconds(given)
    return given


def _listed(given: object) -> object:
    """One value without brackets as a list of it."""
    # A tuple, since in strict mode what a validator returns is checked as Python's value.
    return (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list) else given


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
Text = Annotated[str, Field(min_length=1)]


def _columns(given: dict[str, str]) -> dict[str, str]:
    known = (LABEL, *names())
    faults = [f"unknown column {shown(name)}; {suggestion(name, known)}" for name in given if name not in known]
    faults += [f"{name} must have a column's name, but got an empty one." for name, one in given.items() if not one]
    if double := sorted(column for column, number in Counter(given.values()).items() if number > 1):
        faults.append(f"each must have a column of its own, but got {shown(double[0])} twice.")
    if faults:
        raise ValueError(" ".join(faults))
    return given


def _merge(given: dict[str, str]) -> dict[str, str]:
    faults = [
        f"{shown(spelling)} becomes {shown(name)}, which becomes {shown(given[name])}: name the last one for both."
        for spelling, name in given.items()
        if given.get(name, name) != name
    ]
    faults += [
        f"{shown(spelling)} must become a class, but got {shown(name)}."
        for spelling, name in given.items()
        if not name.strip()
    ]
    if faults:
        raise ValueError(" ".join(faults))
    return given


class LabelsSection(Frozen):
    """How labels, or the names of class folders, become classes."""

    merge: Annotated[dict[str, str], AfterValidator(_merge)] = Field(default_factory=dict)  # a spelling -> its class


class DataSection(Frozen):
    """The splits: each a folder with one folder a class, or a `.csv`. Relative to the current directory."""

    train: AbsolutePath
    val: AbsolutePath
    test: AbsolutePath | None = None
    pixel_limit: Count = 50_000_000  # a larger picture isn't decoded
    decode: Decode = "auto"  # cache: once, onto the disk; stream: for every batch; auto: cache where the disk has room
    # A CSV's own columns, by `label` or a modality's name: {text: caption, label: category}
    columns: Annotated[dict[str, str], AfterValidator(_columns)] = Field(default_factory=dict)
    image_root: AbsolutePath | None = None  # the folder that a CSV's paths are relative to; null: the CSV's own
    allow_links: StrictBool = False  # whether links may leave the data set's folder
    labels: LabelsSection = LabelsSection()
    leave_out: AbsolutePath | None = None  # a CSV with split,file: samples that aren't taken; `data clean` writes one
    # What a search may learn although it tells the class without being about it: counter, the number at a text's end.
    allow_shortcut: Annotated[tuple[Literal["counter"], ...], BeforeValidator(_listed)] = ()


class TrackingSection(Frozen):
    """MLflow: where its record is kept (null: a SQLite file in the runs folder) and under which experiment."""

    uri: Annotated[str | None, AfterValidator(_tracking)] = None
    experiment: Text = "binwise"
    # Its model's name in MLflow's registry, after the test; auto: the study's own; null: none is registered.
    registered_model: Annotated[str | None, AfterValidator(_registered)] = "auto"


class ClusterSection(Frozen):
    """Ray: the address of a running cluster; null starts one here."""

    address: Text | None = None
    connect_timeout: Annotated[float, Field(gt=0, le=3600)] = 20.0  # seconds within which its address must answer
    mps: Literal["auto", "off"] = "auto"  # CUDA MPS where trials share a GPU of this machine


class FailuresSection(Frozen):
    """What failed trials mean for the study."""

    retries: Natural = 2  # how often a trial whose attempt failed is tried again
    in_a_row: Count = 5  # after so many trials in a row that failed the study stops


class DeploySection(Frozen):
    """How the models that a study ends with decide, and what several of each modality together may cost."""

    fuse_for: FusedMetric = ACCURACY  # the score on val that alpha is chosen for
    alpha: AlphaRule = WIDEST_PLATEAU  # of the best ones; one_standard_error: of those that are as good, the calm one
    fusions: tuple[FusionName, ...] = RICHER  # richer ones, of which one decides where val shows that it gains
    max_members: Count = 4  # as many as there are modalities: one of each
    max_ms: Annotated[float, Field(gt=0)] | None = None  # milliseconds a sample, as the trials measured them
    max_bytes: Count | None = None  # of all weights


@dataclass(frozen=True)
class Point:
    """A trial that is run before any is proposed: every hyperparameter, and whether the space could propose it."""

    values: dict[str, Any]
    in_space: bool


class _Head(Frozen):
    """What comes before a study's sections."""

    name: Annotated[str, AfterValidator(_name)]
    description: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**32, strict=True)] = 0
    data: DataSection
    modalities: Annotated[tuple[str, ...], AfterValidator(_modalities)] = BUILT_IN


if TYPE_CHECKING:
    _Sections = _Head
else:  # a section a modality, which only the registry knows
    _sections = {name: (section_type(name), section_type(name)()) for name in names()}
    _Sections = create_model("_Sections", __base__=_Head, **_sections)


class StudyConfig(_Sections):
    """One study, with a section by the name of each modality.

    Paths are absolute: relative ones count from the directory in which the study was loaded.
    """

    tracking: TrackingSection = TrackingSection()
    runs: AbsolutePath = Field(default_factory=lambda: _absolute(Path("mlruns")))  # the root of all output
    cluster: ClusterSection = ClusterSection()
    time_budget: Annotated[str | None, PlainValidator(_time_budget)] = None  # how long the search may take
    failures: FailuresSection = FailuresSection()
    linear_baseline: StrictBool = True
    deploy: DeploySection = DeploySection()

    @property
    def registered_model(self) -> str | None:
        """Its model's name in MLflow's registry; None where none is to be registered."""
        return self.name if self.tracking.registered_model == "auto" else self.tracking.registered_model

    def section(self, modality: str) -> SearchedSection:
        """The section of one modality. ValueError where there is no such modality."""
        if modality not in names():
            raise ValueError(f"Unknown modality {shown(modality)}; {suggestion(modality, names())}")
        section: SearchedSection = getattr(self, modality)
        return section

    def first_points(self, modality: str) -> list[Point]:
        """The trials that run first: the section's own values, then its points, each with every hyperparameter."""
        section = self.section(modality)
        values = searched_values(section)
        space = section.search.space
        return [Point(dict(point), in_space(space, values.own, point)) for point in values.points]
