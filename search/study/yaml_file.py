"""A study's YAML: read with overrides, every fault in one message, and written back."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.representer import SafeRepresenter

from search.study.config import StudyConfig
from search.study.faults import Fault, KeyPath, faults_of, shown
from search.study.heads import with_listed_networks, without_new_keys
from search.study.sections import section_type
from search.study.yaml_bounds import DEPTH_LIMIT, bounded_yaml
from trainables.errors import UserError
from trainables.modalities import names, registered
from trainables.names import LEDGER_FILE, STUDY_FILE
from trainables.words import counted, enumerated, one_line

SIZE_LIMIT = 1_000_000  # bytes of a file
SHOWN = 100  # faults; nobody reads more at a time


def load_study(path: Path, overrides: Sequence[str] = ()) -> StudyConfig:
    """The study of one YAML file (YAML 1.2), with `dotted.key=value` overrides, their values YAML as well.

    Relative paths count from the current directory, `~` is the home folder; files and folders that
    hyperparameters name are made absolute where they exist. UserError with every fault of the config at once.
    """
    raw = _mapping(path)
    for override in overrides:
        _override(raw, override)
    raw = with_listed_networks(raw)
    _prepare(raw)
    try:
        # In JSON mode a strict parse still takes a list for a tuple and text for a path.
        return StudyConfig.model_validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        faults = faults_of(error, raw, StudyConfig)
    if len(faults) <= SHOWN:
        faults = list(dict.fromkeys([*faults, *_hidden_faults(raw, faults)]))
    origin = one_line(" ".join([str(path), *(f"--set {override}" for override in overrides)]))
    lines = [f"{origin}: {counted(len(faults), 'fault')}", *(fault.line for fault in faults[:SHOWN])]
    lines += [f"... and {counted(len(faults) - SHOWN, 'fault')} more"] if len(faults) > SHOWN else []
    # Half of a character pair, which YAML can escape, can't be printed.
    raise UserError("\n".join(lines).encode(errors="backslashreplace").decode())


def recorded_study(folder: Path) -> StudyConfig:
    """The config in a study's folder, where it may have been edited; UserError, with a remedy where it is torn."""
    try:
        return load_study(folder / STUDY_FILE)
    except UserError as error:
        if not (folder / LEDGER_FILE).is_file():
            raise
        raise UserError(
            f"{error}\nWhere it was damaged, the YAML file that the study was begun with puts it right: "
            "binwise search STUDY.yaml --resume"
        ) from None


def study_of(config: Mapping[str, Any]) -> StudyConfig:
    """The study of a config that was one before, such as a ledger's; one of before there were heads has none."""
    return StudyConfig.model_validate_json(json.dumps(without_new_keys(config, names())), strict=True)


def dump_study(study: StudyConfig) -> str:
    """The full study as YAML, every default written out; `load_study` reads it back as an equal one."""
    return dump_yaml(study.model_dump(mode="json"))


def dump_yaml(config: Mapping[str, Any]) -> str:
    """A config's plain values as YAML."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.width = 120
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # typed by its default alone
    stream = io.StringIO()
    yaml.dump(dict(config), stream)
    return stream.getvalue()


class _Representer(SafeRepresenter):
    """Writes text with control characters in double quotes, the only style that brings each of them back."""

    def represent_str(self, data: Any) -> Any:
        style = None if data.isprintable() else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Representer.add_representer(str, _Representer.represent_str)


def _mapping(path: Path) -> dict[str, Any]:
    """The file's top-level mapping."""
    raw = _parsed(_text(path), one_line(str(path)))
    if not isinstance(raw, dict):
        raise UserError(
            f"{one_line(str(path))}: a study must be a mapping of keys such as name and data, but got {shown(raw)}."
        )
    return raw


def _text(path: Path) -> str:
    origin, parent = one_line(str(path)), one_line(str(path.parent))
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        there = f"{parent} has {enumerated(beside)}" if beside else f"{parent} has no YAML file"
        raise UserError(f"{origin}: a study must be a YAML file, but there is none of this name; {there}.")
    try:
        with path.open("rb") as stream:
            content = stream.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise UserError(f"{origin}: can't be read: {error.strerror}.") from error
    if len(content) > SIZE_LIMIT:
        raise UserError(f"{origin}: a study must have at most {SIZE_LIMIT} bytes, but this file has more.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{origin}: must be UTF-8, but byte {error.start} isn't. Save it as UTF-8.") from error


def _parsed(text: str, origin: str) -> Any:
    """The YAML's value in dicts, lists and scalars. UserError names the line."""
    try:
        return _plain(bounded_yaml().load(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{origin}:{mark.line + 1}:{mark.column + 1}" if mark else origin
        raise UserError(f"{place}: {one_line(str(error.problem or error.context))}.") from error
    except (YAMLError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError, AssertionError) as error:
        raise UserError(f"{origin}: isn't YAML: {one_line(str(error))}.") from error


def _plain(node: object) -> Any:
    """A copy with text for keys."""
    if isinstance(node, Mapping):
        return {_key(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list | tuple | set):
        return [_plain(value) for value in node]
    return node if node is None or isinstance(node, bool | int | float | str) else str(node)


def _key(key: object) -> str:
    return key if isinstance(key, str) else json.dumps(key, default=str)


def _override(raw: dict[str, Any], override: str) -> None:
    """Set one `dotted.key=value` in place."""
    dotted, equals, text = override.partition("=")
    origin = f"--set {one_line(override)}"
    parts = dotted.strip().split(".")
    if not equals or not all(parts):
        raise UserError(f"{origin}: must be dotted.key=value, such as --set image.search.trials=10.")
    if len(parts) > DEPTH_LIMIT:
        raise UserError(f"{origin}: must be at most {DEPTH_LIMIT} keys deep, but has {len(parts)}.")
    node = raw
    for place, part in enumerate(parts[:-1], start=1):
        if node.get(part) is None:  # missing, or a section with nothing under it
            node[part] = {}
        node = node[part]
        if not isinstance(node, dict):
            raise UserError(
                f"{origin}: {one_line('.'.join(parts[:place]))} must be a mapping, but it is {shown(node)}."
            )
    node[parts[-1]] = _parsed(text, origin)


def _prepare(raw: dict[str, Any]) -> None:
    """Empty sections (`text:` and nothing under it) become empty mappings, local files absolute; in place."""
    for key in (*registered(), "data", "tracking", "cluster", "failures"):
        if key in raw and raw[key] is None:
            raw[key] = {}
    for name, modality in registered().items():
        section = raw.get(name)
        if isinstance(section, dict):
            if section.get("search", ()) is None:
                section["search"] = {}
            for field in modality.local_paths:
                for holder, key in _places(section, field):
                    if field not in modality.bare_names or "/" in str(holder[key]):
                        holder[key] = _local(holder[key])


def _places(section: dict[str, Any], field: str) -> Iterator[tuple[Any, Any]]:
    """Each container and key where the section holds a value of the field: own, a point's, the space's, the heads'."""
    given = section.get("search")
    settings = given if isinstance(given, dict) else {}
    space, points = settings.get("space"), settings.get("points")
    for key, dimension in space.items() if isinstance(space, dict) else ():
        for values in _listed_values(key, dimension, field):
            yield from ((values, place) for place in range(len(values)))
    heads = settings.get("heads")
    named = heads.get(f"{field}s") if isinstance(heads, dict) else None
    yield from ((named, place) for place in range(len(named) if isinstance(named, list) else 0))
    for holder in (section, *(points if isinstance(points, list) else ())):
        if isinstance(holder, dict) and field in holder:
            yield holder, field


def _listed_values(key: str, dimension: object, field: str) -> Iterator[list[Any]]:
    """The lists of a dimension that hold values of the field: its choices, those of a condition."""
    dimension = dimension if isinstance(dimension, dict) else {}
    conditions = dimension.get("when")
    found = [dimension.get("choices") if key == field else None]
    found += [conditions.get(field)] if isinstance(conditions, dict) else []
    yield from (values for values in found if isinstance(values, list))


def _local(value: object) -> object:
    """An existing file's absolute path; any other value as it is, such as a hub's name."""
    if not isinstance(value, str) or value in ("", "imagenet", "none", "pretrained") or "\0" in value:
        return value
    try:
        path = Path(value).expanduser()
        return str(path.absolute()) if path.exists() else value
    except (OSError, RuntimeError):
        return value


def _hidden_faults(raw: dict[str, Any], faults: Sequence[Fault]) -> Iterator[Fault]:
    """Faults between the keys of a section that pydantic didn't look for, as it stops at faults within keys."""
    for modality in registered():
        known = [Fault(fault.path[1:], fault.text) for fault in faults if fault.path[:1] == (modality,)]
        section = raw.get(modality)
        if known and isinstance(section, dict):
            yield from (fault.under((modality,)) for fault in _hidden_in(section, modality, known))


def _hidden_in(section: dict[str, Any], modality: str, known: Sequence[Fault]) -> list[Fault]:
    """The section's further faults: the faulty keys are taken out until no new fault shows.

    A rule that had to look at a key that was taken out says nothing.
    """
    model = section_type(modality)
    pruned = copy.deepcopy(section)
    removed: list[KeyPath] = []
    hidden: list[Fault] = []
    new = list(known)
    while new:
        removed += [path for fault in new for path in _blamed(fault, section)]
        for path in removed:
            _remove(pruned, path)
        try:
            model.model_validate_json(json.dumps(pruned), strict=True)
            break
        except ValidationError as error:
            found = faults_of(error, pruned, model)
        new = [fault for fault in found if fault not in hidden and not _doubtful(fault, section, removed)]
        hidden += new
    return hidden


def _blamed(fault: Fault, section: Mapping[str, Any]) -> list[KeyPath]:
    """The keys that a fault makes doubtful."""
    if not fault.path:
        # A rule between the section's own values, such as the head's, names them in its text.
        return [(key,) for key in section if f"`{key}`" in fault.text]
    # Half a dimension is none.
    return [fault.path[:3] if fault.path[:2] == ("search", "space") else fault.path]


def _doubtful(fault: Fault, section: Mapping[str, Any], removed: Sequence[KeyPath]) -> bool:
    """Whether the fault may be there only because keys were taken out."""
    return any(_related(read, path) for read in (*_blamed(fault, section), *fault.reads) for path in removed)


def _remove(tree: dict[str, Any], path: KeyPath) -> None:
    """Take the value at the path out, or the list in which it stands; nothing where it isn't there."""
    node: Any = tree
    for place, part in enumerate(path, start=1):
        if not isinstance(node, dict) or part not in node:
            return
        if place == len(path) or isinstance(node[part], list):
            del node[part]
            return
        node = node[part]


def _related(one: KeyPath, other: KeyPath) -> bool:
    """Whether one is the other or lies in it."""
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]
