"""Each number is computed once: page, Markdown, JSON and CSV are read back and compared."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from analysis_fakes import study_folder

from analysis import wording
from analysis.numbers.intervals import Interval
from analysis.pipeline import analyze, final_test
from analysis.report.record import report_json
from analysis.report.report import write_report

ANSWER_CELLS = 3


class Cells(HTMLParser):
    """The cells of each row of a page's tables, and its answers."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.inside = False  # a cell
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A row begins, a cell begins."""
        if tag == "tr" or (
            tag == "div" and ("class", "answer") in {(name, (value or "")[:6]) for name, value in attrs}
        ):
            self.rows.append([])
        if tag in {"td", "th", "dt", "dd"} and self.rows:
            self.rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        """A cell ends."""
        self.inside = self.inside and tag not in {"td", "th", "dt", "dd"}

    def handle_data(self, data: str) -> None:
        """Text of the cell that is open."""
        if self.inside:
            self.rows[-1][-1] += data


def expected(val: dict[str, object], test: dict[str, object] | None) -> list[str]:
    """A row of the results as page and Markdown write it, from the JSON's numbers."""
    one = test or val
    cells = [
        str(one["name"]),
        wording.percent(float(str(one["accuracy"]))),
        wording.shares(Interval(float(str(one["accuracy_low"])), float(str(one["accuracy_high"])))),
        wording.percent(float(str(one["macro_f1"]))),
        wording.percent(float(str(one["weighted_f1"]))),
    ]
    cells += [wording.percent(float(str(val["accuracy"])))] if test else []
    seconds = one["seconds_per_sample"]
    return [*cells, wording.milliseconds(None if seconds is None else float(str(seconds)))]


@pytest.mark.parametrize("test", [False, True])
def test_every_form_has_the_same_numbers(tmp_path: Path, test: bool) -> None:
    """The results table, row by row, and the first screen's answers."""
    fakes = study_folder(tmp_path)
    analyze(tmp_path, linear_baseline=True, models=fakes.models())
    if test:
        final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    page, markdown = (path.read_text("utf-8") for path in write_report(tmp_path))
    raw = json.loads((tmp_path / "analysis" / "report.json").read_text("utf-8"))
    by_row = {(one["row"], one["split"]): one for one in raw["results"]}
    on_page = Cells(page).rows
    lines = [[cell.strip().strip("*") for cell in line.split("|")[1:-1]] for line in markdown.splitlines()]
    for row in {row for row, _ in by_row}:
        cells = expected(by_row[row, "val"], by_row.get((row, "test")))
        assert cells in on_page
        assert cells in lines
    table = list(csv.DictReader(io.StringIO((tmp_path / "analysis" / "results.csv").read_text("utf-8"))))
    plain = [{key: "" if value is None else str(value) for key, value in one.items()} for one in raw["results"]]
    assert [{**one, "deployed": one["deployed"].capitalize()} for one in table] == plain
    for answer in raw["answers"]:
        cells = [answer["question"], answer["value"], *answer["words"]]
        assert cells == next(row for row in on_page if row[0] == answer["question"])[: len(cells)] or (
            answer["key"] == "distrust"
        )
        assert [answer["question"], answer["value"], " ".join(answer["words"])] in [
            [re.sub(r"\\(.)", r"\1", cell) for cell in line] for line in lines if len(line) == ANSWER_CELLS
        ]


def test_half_characters_are_written(tmp_path: Path) -> None:
    """A name that is no Unicode, as a file's may be, doesn't stop the report."""
    assert b"\\udcff" in report_json({"study": "a\udcff"})
    assert json.loads(report_json({"study": "a\udcff"})) == {"study": "a\udcff"}
