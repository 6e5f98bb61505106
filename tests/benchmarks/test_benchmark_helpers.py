"""The benchmarks' arithmetic, their data and RESULTS.md; nothing is timed here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import write_results
from made_data import CLASSES, THINGS, make_pictures, make_text_split
from measure import at_least, at_most, interleaved, mean_difference, ratio, summary
from memory import growth, trend
from physical_limit import bytes_of_step, limit_of, peaks_of
from rendering import bounds_table, flat, updated
from torch import nn

from trainables.data.reading.read_split import read_split

MACHINE = {"cpu": "Some CPU", "cores": "2", "gpu": "none", "memory": "24 GiB"}


def result(measured: float, **machine: str) -> dict[str, Any]:
    """A benchmark's JSON with one bound."""
    bound = {"what": "loop", "bound": "<= 1.15", "measured": measured, "holds": measured <= 1.15}
    figures = {"loop": {"median": measured}, "rss": [1.0, 2.0]}
    return {"name": "image_loop", "machine": MACHINE | machine, "figures": figures, "bounds": [bound], "notes": ["n"]}


def test_candidates_take_turns_and_warm_ups_are_not_counted() -> None:
    """A B A B, one turn more than is counted, and as many timings as repeats."""
    calls: list[str] = []

    def called(name: str) -> Callable[[], None]:
        return lambda: calls.append(name)

    seconds = interleaved({"a": called("a"), "b": called("b")}, repeats=2)
    assert calls == ["a", "b"] * 3
    assert [len(values) for values in seconds.values()] == [2, 2]


def test_ratios_and_summaries_are_of_the_median_and_the_smallest() -> None:
    """By hand: medians 6 and 2, smallest 4 and 1."""
    assert ratio([4, 6, 9], [1, 2, 3]) == {"median": 3, "min": 4}
    assert summary([4, 6, 9], 2) == {"median": 3, "min": 2, "repeats": 3}


def test_a_mean_difference_comes_with_its_standard_error() -> None:
    """Two samples of variance 1 and size 4: the error is sqrt(1/4 + 1/4)."""
    ones = [-(1.5**0.5) / 2 * sign for sign in (1, 1, -1, -1)]
    ones = [value * (2**0.5) for value in ones]  # variance 1
    mean, error = mean_difference([value + 3 for value in ones], ones)
    assert mean == pytest.approx(3)
    assert error == pytest.approx(0.5**0.5)


def test_memory_that_peaks_once_has_grown_at_most_but_has_no_trend() -> None:
    """Both are multiples of the third value; what came before it is warm-up."""
    peaked = [50, 80, 100, 100, 120, 100, 100, 100]
    assert growth(peaked) == pytest.approx(1.2)
    assert trend(peaked) == pytest.approx(1.0)
    assert trend([50, 80, 100, 110, 120, 130, 140, 150]) == pytest.approx(1.35)


def test_a_bound_says_whether_it_holds() -> None:
    """From either side; a bound that is met exactly holds."""
    assert at_least("a", 6, 6).holds
    assert not at_least("a", 6, 5.9).holds
    assert at_most("a", 1.15, 1.15).holds
    assert not at_most("a", 1.15, 1.2).holds
    assert [at_most("a", 1, 1).unit, at_least("a", 1, 1, "s").unit] == ["ratio", "s"]


def test_a_missed_bound_is_shown_loudly() -> None:
    """One line each, the missed one marked."""
    lines = bounds_table([result(1.0), result(1.5)]).splitlines()[1:]
    assert ["holds" in lines[0], "MISSED" in lines[1]] == [True, True]


def test_results_of_one_machine_replace_its_own_section_alone() -> None:
    """Another machine's section and a person's text stay; writing twice changes nothing more."""
    document = updated(updated("# Title\n\nBy hand.\n", [result(1.0)]), [result(1.1, gpu="H100")])
    again = updated(document + "\nAfter.\n", [result(1.5)])
    assert "By hand." in again
    assert again.rstrip().endswith("After.")
    assert again.count("## Some CPU, 2 cores, no GPU") == again.count("## Some CPU, 2 cores, H100") == 1
    assert "| loop | <= 1.15 | 1.5 | MISSED |" in again
    assert "| loop | <= 1.15 | 1.1 | holds |" in again
    assert updated(again, [result(1.5)]) == again


def test_no_benchmarks_figures_are_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that has only some of a machine's results doesn't replace its section."""
    monkeypatch.setattr(write_results, "RESULTS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(write_results, "HISTORY", tmp_path / "results.jsonl")
    for name in ("first", "second"):
        (tmp_path / f"{name}.json").write_text(json.dumps({**result(1.0), "name": name, "quick": False}), "utf-8")
    write_results.write([tmp_path])
    before = (tmp_path / "RESULTS.md").read_text("utf-8")
    (tmp_path / "first.json").unlink()
    with pytest.raises(SystemExit, match="but first would be lost"):
        write_results.write([tmp_path])
    assert (tmp_path / "RESULTS.md").read_text("utf-8") == before


def test_figures_that_depend_on_no_machine_have_a_section_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder with both kinds fills two sections, whatever machine each was made on."""
    monkeypatch.setattr(write_results, "RESULTS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(write_results, "HISTORY", tmp_path / "results.jsonl")
    for file, one in {"a": result(1.0), "b": result(2.0, section="Simulated")}.items():
        (tmp_path / f"{file}.json").write_text(json.dumps({**one, "quick": False}), "utf-8")
    write_results.write([tmp_path])
    text = (tmp_path / "RESULTS.md").read_text("utf-8")
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Some CPU, 2 cores, no GPU",
        "## Simulated",
    ]


def test_figures_are_shown_with_their_path() -> None:
    """Nested keys are joined, lists of numbers stay together, lists of figures are counted."""
    figures = {"a": {"b": 1.23456, "c": [1, 2]}, "d": [{"e": 12345.6}], "f": "word"}
    expected = [("a: b", "1.235"), ("a: c", "1, 2"), ("d: 1: e", "12,346"), ("f", "word")]
    assert list(flat(figures)) == expected


def test_a_layers_traffic_is_counted_by_hand() -> None:
    """Linear 3 -> 2 on a batch of 4: forward 12 + 8 values, backward 8 + 12 + 12, two bytes each; 8 weights."""
    assert bytes_of_step(nn.Linear(3, 2), torch.zeros(4, 3)) == 2 * (20 + 32) + 8 * 32


def test_the_limit_is_the_slower_of_arithmetic_and_memory() -> None:
    """An H100's peaks over round costs; an unknown card has no limit."""
    limit = limit_of("NVIDIA H100 80GB HBM3", flops=989e9, moved=3.35e10, measured=50)
    assert limit["limit by arithmetic, samples/s"] == pytest.approx(1000)
    assert limit["share of the step's limit"] == pytest.approx(0.5)
    assert peaks_of("NVIDIA H100 PCIe") != peaks_of("NVIDIA H100 80GB HBM3")
    assert limit_of("Some card", 1, 1, 1) == {}


def test_made_texts_are_the_same_from_the_same_seed() -> None:
    """And their labels can be learnt: about nine of ten are what the last word says."""
    one, again = make_text_split(200, 3), make_text_split(200, 3)
    assert one.inputs["text"] == again.inputs["text"]
    assert np.array_equal(one.labels, again.labels)
    said = [next(n for n, things in enumerate(THINGS) if text.split("_")[-2] in things) for text in one.inputs["text"]]
    assert np.mean(np.array(said) == one.labels) > 0.85


def test_made_pictures_fill_class_folders(tmp_path: Path) -> None:
    """As many as asked for, readable as a split, all classes alike; those beyond the distinct ones are links."""
    make_pictures(tmp_path, 8, size=(40, 50), distinct=4)
    split = read_split(tmp_path)
    assert split.counts() == dict.fromkeys(CLASSES, 2)
    assert len({path.stat().st_ino for path in split.inputs["image"] if path is not None}) == 4
