"""The networks of a study's trials, built once before the first trial; and which of its texts they cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from search.study.config import StudyConfig
from search.study.folder import Layout
from search.study.values import trial_values
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.names import IMAGE, TEXT, TRAIN


def check_all_weights(study: StudyConfig, splits: Mapping[str, Split]) -> dict[str, int]:
    """Build each backbone, with each kind of weights, that the space or a point names, for the longest texts.

    Returns each modality's largest network in bytes.
    Raises UserError with every backbone whose weights can't be had, or that can't take the pictures' size or the texts'
    length.
    """
    largest, faults = {}, []
    for modality in study.modalities:
        try:
            largest[modality] = largest_network(study, modality, splits)
        except UserError as error:
            faults.append(str(error))
    if faults:
        raise UserError("\n".join(faults))
    return largest


def largest_network(study: StudyConfig, modality: str, splits: Mapping[str, Split]) -> int:
    """The same for one modality; bytes."""
    from trainables.build import check_weights

    if modality == IMAGE:
        _check_picture_sizes(study)
    sizes, faults = [0], []
    for config in _distinct(_configs(study, modality, ("backbone", "weights")), ("backbone", "weights", "max_length")):
        try:
            sizes.append(check_weights(modality, config, splits[TRAIN]))
        except UserError as error:
            faults.append(str(error))
    if faults:
        raise UserError("\n".join(dict.fromkeys(faults)))
    return max(sizes)


def _distinct(configs: Sequence[dict[str, Any]], keys: Sequence[str]) -> list[dict[str, Any]]:
    """The first of those that are alike in these keys."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for config in configs:
        found.setdefault(tuple(config.get(key) for key in keys), config)
    return list(found.values())


def _check_picture_sizes(study: StudyConfig) -> None:
    from trainables.build import check_picture_size

    for config in _distinct(_configs(study, IMAGE, ("backbone", "size")), ("backbone", "size")):
        check_picture_size(config)


def _configs(study: StudyConfig, modality: str, keys: Sequence[str]) -> list[dict[str, Any]]:
    """The trials of the fixed points, and the section's own values with every choice of `keys` that the space has.

    The latter with the largest `max_length` of the space.
    """
    section = study.section(modality)
    own = section.fixed()
    if modality == TEXT:
        own["max_length"] = max(trial_values(section, "max_length", points=False))
    choices = product(*(trial_values(section, key, points=False) for key in keys))
    chosen = [{**own, **dict(zip(keys, values, strict=True))} for values in choices]
    return [*(dict(point.values) for point in study.first_points(modality)), *chosen]


def cut_text_lines(study: StudyConfig, splits: Mapping[str, Split], layout: Layout) -> list[str]:
    """A line for each split that has texts longer than `max_length`: the section's own, and the space's smallest."""
    from trainables.build import DataAccess, count_cut_texts

    if TEXT not in study.modalities:
        return []
    own = study.section(TEXT).fixed()
    data = DataAccess(splits, layout.cache, study.data.pixel_limit)
    lines = []
    for length in sorted({own["max_length"], min(trial_values(study.section(TEXT), "max_length"))}):
        cut = count_cut_texts({**own, "max_length": length}, data)
        lines += [
            f"{TEXT}: {count:,} of {len(splits[name]):,} {name} texts are longer than {length} tokens and are cut"
            for name, count in cut.items()
            if count
        ]
    return lines
