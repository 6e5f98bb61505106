"""The networks of a study's trials, built once before the first trial."""

from __future__ import annotations

from collections.abc import Mapping

from search.study.config import StudyConfig
from search.study.sections import head_trials, searched_values
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.modalities import modality_of
from trainables.modality import distinct
from trainables.names import TRAIN


def largest_network(study: StudyConfig, name: str, splits: Mapping[str, Split]) -> int:
    """Build each network that the space, a point or a head trial of a modality names; the largest one's bytes.

    Raises UserError with every one that can't be had, or can't take the inputs' size.
    """
    from trainables.build import check_network

    sizes, faults = [0], []
    section = study.section(name)
    kind = modality_of(name)
    heads = distinct(head_trials(section), [kind.ranked] if kind.ranked else [])
    for trial in [*kind.networks(searched_values(section)), *heads]:
        try:
            sizes.append(check_network(name, trial, splits[TRAIN]))
        except UserError as error:
            faults.append(str(error))
    if faults:
        raise UserError("\n".join(dict.fromkeys(faults)))
    return max(sizes)
