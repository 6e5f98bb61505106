"""What the search measured stands in the report, the most important first, with what it rests on."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from analysis_fakes import study_folder
from modality_names import IMAGE, TEXT

from analysis.pipeline import analyze
from analysis.report.importances import Importance, read_importances
from analysis.report.report import build_report, render_html, render_markdown


def test_they_are_ranked_and_say_what_they_rest_on(tmp_path: Path) -> None:
    """In the file's shares; a modality without any isn't named; few trials are said to be few."""
    (tmp_path / "analysis").mkdir()
    raw = {IMAGE: {"trials": 12, "shares": {"batch_size": 0.25, "learning_rate": 0.75}}}
    (tmp_path / "analysis" / "importances.json").write_text(json.dumps(raw))
    (found,) = read_importances(tmp_path, [IMAGE, TEXT])
    assert found == Importance(IMAGE, 12, (("learning_rate", 0.75), ("batch_size", 0.25)))
    assert found.sentence == "From 12 complete trials: few, so that the order may be chance."
    assert dataclasses.replace(found, trials=50).sentence == "From 50 complete trials."


@pytest.mark.parametrize("content", [None, "{", "[]", '{"image": {"trials": 3}}'])
def test_without_them_the_report_goes_without(tmp_path: Path, content: str | None) -> None:
    """Missing or damaged: nothing is computed from them, so that nothing is lost."""
    (tmp_path / "analysis").mkdir()
    if content is not None:
        (tmp_path / "analysis" / "importances.json").write_text(content)
    assert read_importances(tmp_path, [IMAGE]) == ()


def test_both_forms_have_them(tmp_path: Path) -> None:
    """With the same digits."""
    analyze(tmp_path, linear_baseline=False, models=study_folder(tmp_path, (TEXT,)).models())
    raw = {TEXT: {"trials": 60, "shares": {"learning_rate": 0.816, "<b>": 0.184}}}
    (tmp_path / "analysis" / "importances.json").write_text(json.dumps(raw))
    report = build_report(tmp_path)
    assert "learning rate 81.6\u00a0%, \\<b\\> 18.4\u00a0%." in render_markdown(report)
    page = render_html(report)
    assert "<b>81.6\u00a0%</b>" in page
    assert "&lt;b&gt;" in page
