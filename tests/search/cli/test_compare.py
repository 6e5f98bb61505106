"""`binwise compare`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

from analysis_fakes import study_folder
from modality_names import IMAGE, TEXT
from typer.testing import CliRunner

from analysis.pipeline import analyze, final_test
from search.cli.main import app
from search.study.folder import STUDY_FILE
from trainables.errors import UserError


def a_study(runs: Path, name: str, modalities: tuple[str, ...]) -> None:
    """A tested study of that name."""
    folder = runs / "studies" / name
    folder.mkdir(parents=True)
    (folder / STUDY_FILE).write_text("name: never read\n")
    fakes = study_folder(folder, modalities)
    analyze(folder, linear_baseline=False, models=fakes.models())
    final_test(folder, folder / "pictures", models=fakes.models())


def test_two_studies_side_by_side(tmp_path: Path) -> None:
    """A table and what is paired; as JSON the same numbers; a study that isn't there is a user error."""
    a_study(tmp_path, "both", (IMAGE, TEXT))
    a_study(tmp_path, "[b]text", (TEXT,))
    shown = CliRunner().invoke(app, ["compare", "both", "[b]text", "--runs", str(tmp_path)])
    assert shown.exit_code == 0
    assert "[b]text" in shown.stdout
    assert "On the 45\u00a0test samples that all of them have:" in shown.stdout
    raw = json.loads(CliRunner().invoke(app, ["compare", "both", "[b]text", "--json", "--runs", str(tmp_path)]).stdout)
    assert [one["study"] for one in raw["studies"]] == ["both", "[b]text"]
    assert f"{100 * raw['studies'][0]['accuracy']:.1f}" in shown.stdout
    for others in (["none", "both"], ["both"], ["both", "both"]):
        failed = CliRunner().invoke(app, ["compare", *others, "--runs", str(tmp_path)])
        assert isinstance(failed.exception, UserError)


def test_help_names_what_is_taken() -> None:
    """Studies, more than one."""
    assert "STUDY STUDY..." in CliRunner().invoke(app, ["compare", "--help"]).stdout
