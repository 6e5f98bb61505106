"""A sample as a person sees it: its words, its picture's path, None where it lacks an input."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from analysis_fakes import split
from modality_names import IMAGE, TEXT

from analysis.examples import examples_of


def test_each_sample_has_its_inputs_in_order(tmp_path: Path) -> None:
    """Those that it lacks are None."""
    part = split("val", 6, tmp_path)
    part = dataclasses.replace(part, inputs={**part.inputs, TEXT: (None, *part.inputs[TEXT][1:])})
    found = examples_of(part)
    assert [one.id for one in found] == list(part.ids)
    assert [one.inputs[TEXT] for one in found] == list(part.inputs[TEXT])
    assert [one.inputs[IMAGE] for one in found] == [str(path) for path in part.inputs[IMAGE]]
