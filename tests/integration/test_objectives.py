"""A small real study with two objectives, from the search to the report; and one that its target ends."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from command_line import binwise_here

from search.exports.optuna_journal import open_journal
from trainables.data.demo.demo import make_demo
from trainables.records import StopReason, TrialRecord

STUDY = """
name: {name}
seed: 5
modalities: [text]
data: {{train: data/Train, val: data/Val}}
linear_baseline: false
text:
  backbone: distilbert-base-uncased
  weights: none
  architecture: {{n_layers: 1, dim: 64, hidden_dim: 128, n_heads: 2}}
  vocabulary_size: 2000
  max_epochs: {epochs}
  patience: {epochs}
  batch_size: 16
  learning_rate: 1e-3
  search:
    heads: none
    trials: 6
    startup_trials: 3
    concurrency: 2
    scheduler: {{name: none}}
    resources: {{cpus: 1}}
    space:
      learning_rate: {{type: float, low: 1e-4, high: 1e-2, log: true}}
      vocabulary_size: {{type: int, low: 100, high: 4000, log: true}}
    {more}
"""
AFTER = ("analyze", "report")
pytestmark = pytest.mark.timeout(300)


def reported(folder: Path, name: str, epochs: int, more: str) -> tuple[Path, str, list[TrialRecord]]:
    """The study's folder after search, analyze and report; what the commands printed; its trials."""
    if not (folder / "data").exists():
        make_demo(folder / "data", pictures=400, size=32, seed=0, workers=1)
    (folder / f"{name}.yaml").write_text(STUDY.format(name=name, epochs=epochs, more=more))
    said = ""
    for arguments in (("search", f"{name}.yaml"), *((one, name) for one in AFTER)):
        done = binwise_here(folder, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        said += done.stdout + done.stderr
    study = folder / "mlruns" / "studies" / name
    records = [TrialRecord.from_json(line) for line in (study / "trials.jsonl").read_text().splitlines()]
    return study, said, records


def test_accuracy_and_size(tmp_path: Path) -> None:
    """The sampler, the record, Optuna's journal and the report know both values of each trial; val accuracy selects."""
    study, _, records = reported(tmp_path, "two", 4, "objectives: [val_accuracy, size]")
    assert len(records) == 6
    assert {record.stop_reason for record in records} == {StopReason.COMPLETED}
    bests = {record.trial_id: best for record in records if (best := record.best)}
    assert len({best.weights_bytes for best in bests.values()}) == 6
    optuna_study = optuna.load_study(study_name="two/text", storage=open_journal(study / "optuna.journal"))
    assert {trial.user_attrs["trial_id"]: trial.values for trial in optuna_study.trials} == {
        trial_id: [best.val_accuracy, best.weights_bytes] for trial_id, best in bests.items()
    }
    markdown = (study / "analysis" / "report.md").read_text()
    section = markdown.split("## Pareto front")[1].split("\n## ")[0]
    front = {trial.user_attrs["trial_id"] for trial in optuna_study.best_trials}
    assert {trial_id for trial_id in bests if f"| {trial_id} |" in section or f"| **{trial_id}** |" in section} == front
    highest = max(best.val_accuracy for best in bests.values())
    (selected,) = [trial_id for trial_id in front if bests[trial_id].val_accuracy == highest]
    assert f"| **{selected}** |" in section
    assert "Pareto-front Plot" in (study / "optuna_plots.html").read_text()


def test_a_target_leaves_interrupted_trials_that_are_told(tmp_path: Path) -> None:
    """The best trial that the study has when its target ends it is selected; interrupted ones count as such."""
    study, said, records = reported(tmp_path, "goal", 500, "target: 0.5")
    reasons = [record.stop_reason for record in records]
    interrupted = reasons.count(StopReason.INTERRUPTED)
    assert interrupted > 0
    assert f"{interrupted} interrupted" in (study / "analysis" / "report.md").read_text()
    best = max((one for one in records if one.best), key=lambda record: record.best.val_accuracy)  # type: ignore[union-attr]
    assert f"Selected {best.trial_id}" in said
