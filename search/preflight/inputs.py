"""What every trial needs of its inputs is done once before the first one: pictures decoded, texts tokenized."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from search.show.progress_bar import progress_bar
from search.study.config import StudyConfig
from search.study.folder import Layout
from search.study.sections import searched_values
from trainables.data.samples import Split
from trainables.modalities import modality_of
from trainables.modality import Place, Plan


def input_lines(plans: Mapping[str, Plan]) -> list[str]:
    """What is to be told a person of all plans."""
    return [line for plan in plans.values() for line in plan.lines]


def prepare_inputs(
    study: StudyConfig, splits: Mapping[str, Split], layout: Layout, console: Console
) -> dict[str, dict[str, Any]]:
    """Prepare each modality's inputs; what every trial of it is given, by modality, as plain values.

    Raises UserError where an input can't be read, or the disk has no room.
    """
    place = _place(study, layout, console)
    return {
        name: modality_of(name).prepare(searched_values(study.section(name)), splits, place)
        for name in study.modalities
    }


def _place(study: StudyConfig, layout: Layout, console: Console) -> Place:
    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    return Place(
        caches=layout.caches,
        pixel_limit=study.data.pixel_limit,
        decode=study.data.decode,
        made=layout.caches,
        say=say,
        bar=progress_bar,
    )
