"""Every run's figures: what a line of results.jsonl says, and what is drawn of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import history
import pytest
import trend
import write_results

MACHINE = {"cpu": "Some CPU", "cores": "2", "gpu": "none", "memory": "24 GiB"}
LINE = {
    "date": "2026-01-02 03:04",
    "commit": "abc",
    "machine": "Some CPU, 2 cores, no GPU",
    "benchmark": "loop",
    "figure": "ours / bare",
    "value": 1.235,
    "unit": "ratio",
    "bound": "<= 1.5",
}


def result(measured: float = 1.23456, **changes: Any) -> dict[str, Any]:
    """A benchmark's JSON with one bound."""
    bound = {"what": "ours / bare", "bound": "<= 1.5", "measured": measured, "holds": measured <= 1.5, "unit": "ratio"}
    run = {"name": "loop", "quick": False, "date": "2026-01-02 03:04", "commit": "abc", "machine": MACHINE}
    return {**run, "figures": {}, "bounds": [bound], "notes": [], **changes}


def test_a_line_says_when_what_and_where() -> None:
    """With four significant digits, as RESULTS.md has them; a result of before the history has no line."""
    assert history.lines_of(result()) == [LINE]
    old = {key: value for key, value in result().items() if key not in ("date", "commit")}
    assert history.lines_of(old) == []


def test_each_run_is_added_and_none_twice(tmp_path: Path) -> None:
    """Lines that are there stay as they are; the same results written again add nothing."""
    path = tmp_path / "results.jsonl"
    assert history.append([result()], path) == 1
    before = path.read_text("utf-8")
    later = result(1.4, date="2026-02-02 03:04")
    assert history.append([result(), later], path) == 1
    assert history.append([later], path) == 0
    assert path.read_text("utf-8").startswith(before)
    assert [line["value"] for line in history.read(path)] == [1.235, 1.4]


def test_written_results_are_added_but_for_quick_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RESULTS.md keeps the latest figures, results.jsonl those before them too."""
    monkeypatch.setattr(write_results, "RESULTS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(write_results, "HISTORY", tmp_path / "results.jsonl")
    (tmp_path / "rough.json").write_text(json.dumps(result(9.0, quick=True)), "utf-8")
    for measured, date in ((1.1, "2026-01-02 03:04"), (1.2, "2026-01-03 03:04")):
        (tmp_path / "loop.json").write_text(json.dumps(result(measured, date=date)), "utf-8")
        write_results.write([tmp_path])
    assert [line["value"] for line in history.read(tmp_path / "results.jsonl")] == [1.1, 1.2]
    text = (tmp_path / "RESULTS.md").read_text("utf-8")
    assert "| 1.2 | holds |" in text
    assert "| 1.1 | holds |" not in text


@pytest.mark.parametrize(
    ("value", "bound", "margin"),
    [(0.75, "<= 1.5", 2), (3, "<= 1.5", 0.5), (3, ">= 1.5", 2), (0.75, ">= 1.5", 0.5), (1.5, "<= 1.5", 1)],
)
def test_a_margin_is_above_one_where_the_bound_holds(value: float, bound: str, margin: float) -> None:
    """From either side, so that what gets worse falls."""
    assert trend.margin_of(LINE | {"value": value, "bound": bound}) == pytest.approx(margin)


@pytest.mark.parametrize(("value", "bound"), [(-3.1, "<= 0"), (0, "<= 1"), (-1, ">= 2")])
def test_what_is_no_ratio_of_positives_has_no_margin(value: float, bound: str) -> None:
    """A difference that must be below nought can't be drawn as a ratio."""
    assert trend.margin_of(LINE | {"value": value, "bound": bound}) is None


def test_figures_are_drawn_by_machine_and_benchmark_in_the_order_of_their_dates() -> None:
    """Runs stand one beside the other in all panels; a figure without a margin is in none."""
    later, other = LINE | {"date": "2026-02-02 03:04", "value": 3.0}, LINE | {"machine": "Another", "value": 0.75}
    panels = trend.panels_of([later, LINE, other, LINE | {"benchmark": "search", "bound": "<= 0"}])
    assert [*panels] == [("Another", "loop"), ("Some CPU, 2 cores, no GPU", "loop")]
    drawn = panels["Some CPU, 2 cores, no GPU", "loop"]["ours / bare"]
    assert [date for date, _ in drawn] == [LINE["date"], later["date"]]
    assert trend.places_of(panels) == {LINE["date"]: 0, later["date"]: 1}


def test_the_picture_shows_each_of_the_lines(tmp_path: Path) -> None:
    """A PNG, the same for the same lines, another for others; without a line there is none."""
    source, picture = tmp_path / "results.jsonl", tmp_path / "trend.png"
    with pytest.raises(SystemExit, match="make bench"):
        trend.draw(source, picture)
    history.append([result()], source)
    drawn = []
    for more in ([], [], [result(1.4, date="2026-02-02 03:04")]):
        history.append(more, source)
        trend.draw(source, picture)
        drawn.append(picture.read_bytes())
    assert drawn[0].startswith(b"\x89PNG")
    assert drawn[0] == drawn[1] != drawn[2]


def test_the_kept_history_can_be_read() -> None:
    """Every line of the repository's own file has the same fields."""
    lines = history.read(write_results.HISTORY)
    assert lines
    assert {frozenset(line) for line in lines} == {frozenset(LINE)}
