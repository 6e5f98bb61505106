"""Which studies get a model in the registry, and that no test fails for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from analysis_fakes import study_folder
from search_fakes import study

from analysis import store
from analysis.pipeline import analyze, final_test
from search.cli.register import keep_tested_model, model_tags
from search.exports.registered_model import MODEL_FILE
from trainables.names import BUNDLE_FOLDER


def test_only_a_tested_study_has_one_and_what_is_in_the_way_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not after the choice alone; where there can be no bundle, a line says why and what to do, and nothing is left."""
    fakes = study_folder(tmp_path)
    analyze(tmp_path, linear_baseline=False, models=fakes.models())
    config = study(tmp_path)
    assert not keep_tested_model(config, tmp_path)
    assert capsys.readouterr().err == ""
    final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    assert not keep_tested_model(study(tmp_path, tracking={"registered_model": None}), tmp_path)
    assert capsys.readouterr().err == ""
    assert not keep_tested_model(config, tmp_path)  # its checkpoints are made up
    said = capsys.readouterr().err
    assert "MLflow's registry gets no model" in said
    assert "`binwise report demo` tries it again." in said
    assert not (tmp_path / MODEL_FILE).exists()
    assert not (tmp_path / BUNDLE_FOLDER).exists()


def test_a_version_is_told_by_its_test(tmp_path: Path) -> None:
    """Accuracy with its interval, samples and openings, as `final_test.json` has them."""
    fakes = study_folder(tmp_path)
    selection = analyze(tmp_path, linear_baseline=False, models=fakes.models())
    final = final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    row, tags = final.test["fused"], model_tags(selection, final)
    assert row.interval is not None
    assert float(tags["test_accuracy"]) == row.scores.accuracy
    assert (float(tags["test_accuracy_low"]), float(tags["test_accuracy_high"])) == (
        row.interval.low,
        row.interval.high,
    )
    assert (tags["test_samples"], tags["test_openings"]) == ("45", "1")
    assert tags["selection_digest"] == store.selection_digest(selection)
