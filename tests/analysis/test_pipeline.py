"""From trials to the one test, with fakes for the models."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
from analysis_fakes import FakeModels, accuracy, having, predictions, study_folder, study_of_many
from modality_names import IMAGE, TEXT
from numpy.typing import NDArray

from analysis import results_json, store
from analysis.compare import compare
from analysis.lineage import OpeningTerms
from analysis.numbers.alpha_choice import FusionRule, chosen_alpha
from analysis.numbers.ensemble import Limits
from analysis.numbers.fusion import alpha_curve, best_alpha, fuse
from analysis.pipeline import analyze, final_test
from analysis.report.findings import headline, key_findings
from analysis.report.said import model_logits
from analysis.results import FusionResult
from trainables.data.lineage.manifest import Manifest, Row, to_csv
from trainables.data.reading.options import ReadOptions
from trainables.errors import UserError
from trainables.names import MANIFEST_CSV, RICHER, VAL
from trainables.runtime.fusion import LinearFusion, log_softmax

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def fakes(tmp_path: Path) -> FakeModels:
    """A study of both modalities in `tmp_path`."""
    return study_folder(tmp_path)


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file of the analysis by name."""
    return {path.name: path.read_bytes() for path in (folder / "analysis").iterdir()}


def test_analyze_selects_and_freezes(tmp_path: Path, fakes: FakeModels) -> None:
    """The best trial of each modality, its weights' digest, the best alpha and every val score are frozen."""
    said: list[str] = []
    selection = analyze(tmp_path, progress=said.append, linear_baseline=True, models=fakes.models())
    assert store.read_selection(tmp_path) == selection
    assert {m: model.trial_id for m, model in selection.models.items()} == {IMAGE: "image_001", TEXT: "text_001"}
    assert all(len(model.checkpoint_sha256["weights.safetensors"]) == 64 for model in selection.models.values())
    assert set(selection.val) == {
        "image",
        "text",
        "fused",
        "linear_image",
        "linear_text",
        "linear_fused",
        "majority",
    }
    val = fakes.splits["val"]
    assert selection.val["image"].scores.accuracy == accuracy(val, IMAGE)
    assert selection.fusion is not None
    fused = fuse(predictions(val, IMAGE).logits, predictions(val, TEXT).logits, selection.fusion.weights[TEXT])
    assert selection.val["fused"].scores.accuracy == np.mean(fused.argmax(axis=1) == val.labels)
    assert selection.val["fused"].scores.accuracy == selection.fusion.accuracy
    assert selection.val["fused"].scores.accuracy >= selection.val["text"].scores.accuracy
    assert selection.val["fused"].seconds_per_sample == pytest.approx(0.00145)
    assert selection.metrics()["alpha"] == selection.fusion.weights[TEXT]
    assert "Selected image_001" in selection.summary()
    assert fakes.reads == 0
    assert said[0] == "8 trials on record: 4 completed, 2 pruned, 2 failed"
    assert said[-1] == "Froze the selection"


def test_final_test_runs_once(tmp_path: Path, fakes: FakeModels) -> None:
    """The first test is written; a second is refused without reading the data, and no file changes by a byte."""
    analyze(tmp_path, linear_baseline=True, models=fakes.models())
    options = ReadOptions(merge={"blue": "Blue"})
    result = final_test(tmp_path, tmp_path / "pictures", options=options, models=fakes.models())
    assert fakes.options is options
    assert store.read_final_test(tmp_path) == result
    assert result.test["image"].scores.accuracy == accuracy(fakes.test, IMAGE)
    assert set(result.test) == set(store.read_selection(tmp_path).val)
    assert result.metrics()["test_image_accuracy"] == accuracy(fakes.test, IMAGE)
    assert "evaluated once" in result.summary()
    assert (result.openings, result.samples, fakes.reads) == (1, 45, 1)
    before = files_of(tmp_path)
    with pytest.raises(UserError, match=r"already evaluated on .*\sThe result stands in .*final_test\.json"):
        final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    with pytest.raises(UserError, match="must not change once the test was opened"):
        analyze(tmp_path, linear_baseline=False, models=fakes.models())
    assert files_of(tmp_path) == before
    assert fakes.reads == 1


@pytest.mark.parametrize("modalities", [(IMAGE, TEXT), (TEXT,)])
def test_an_ensemble_that_gains_is_what_the_study_ends_with(tmp_path: Path, modalities: tuple[str, ...]) -> None:
    """Its members and weights are frozen, its row stands beside the pair's on val and on test, its logits are kept."""
    fakes = study_of_many(tmp_path, modalities)
    selection = analyze(tmp_path, linear_baseline=False, models=fakes.models())
    ensemble = selection.ensemble
    assert store.read_selection(tmp_path) == selection
    assert ensemble is not None
    assert (ensemble.deployed, selection.system) == (True, "ensemble")
    assert selection.pair == ("fused" if len(modalities) == 2 else TEXT)
    each = 2 if len(modalities) == 2 else 3
    assert [member.modality for member in ensemble.members.values()] == [m for m in modalities for _ in range(each)]
    assert sum(ensemble.weights.values()) == pytest.approx(1)
    logits = [weight * fakes.kept[name] for name, weight in ensemble.weights.items()]
    right = np.sum(logits, axis=0).argmax(axis=1) == fakes.splits["val"].labels
    assert selection.val["ensemble"].scores.accuracy == np.mean(right)
    assert f"Selected the ensemble of {', '.join(ensemble.members)}" in selection.summary()
    result = final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    assert result.test["ensemble"].scores.samples == 45
    kept = store.load_predictions(tmp_path, "test", "ensemble")
    assert result.test["ensemble"].scores.accuracy == np.mean(kept.logits.argmax(axis=1) == kept.labels)


@pytest.mark.parametrize("rule", [FusionRule("macro_f1"), FusionRule("balanced_accuracy", "one_standard_error")])
def test_alpha_by_another_rule(tmp_path: Path, fakes: FakeModels, rule: FusionRule) -> None:
    """It is frozen with the rule, so are the fusions that stand beside it, and the report names it; so does no other.

    What val scores there is what is written.
    """
    plain = analyze(tmp_path, models=fakes.models())
    selection = analyze(tmp_path, rule=rule, models=fakes.models())
    assert store.read_selection(tmp_path) == selection
    assert (plain.fusion_rule, selection.fusion_rule) == (FusionRule(), rule)
    val, fusion = fakes.splits[VAL], selection.fusion
    assert fusion is not None
    assert fusion.best_alpha is not None
    logits = predictions(val, IMAGE).logits, predictions(val, TEXT).logits
    assert fusion.best_alpha == chosen_alpha(*logits, val.labels, rule, None)
    assert selection.val["fused"].scores.accuracy == fusion.accuracy
    said = " ".join(key_findings(selection, None, None))
    assert (str(rule) in said, str(rule) in " ".join(key_findings(plain, None, None))) == (True, False)
    assert final_test(tmp_path, tmp_path / "pictures", models=fakes.models()).openings == 1


def test_an_ensemble_that_is_not_shown_to_gain_has_its_row_alone(tmp_path: Path) -> None:
    """With few samples val can't tell: the pair stays what the study ends with."""
    fakes = study_of_many(tmp_path, val=45)
    selection = analyze(tmp_path, linear_baseline=False, models=fakes.models())
    assert selection.ensemble is not None
    assert (selection.ensemble.deployed, selection.system) == (False, "fused")
    assert "isn't deployed" in selection.summary()
    assert "ensemble" in selection.val


def test_val_samples_with_the_same_file_are_one_group(tmp_path: Path) -> None:
    """By the contents that the search put on record: copies under other names don't make a gain surer."""
    fakes = study_of_many(tmp_path)
    own = [Row(sample, "a", 1, f"{place:064x}", "") for place, sample in enumerate(fakes.splits[VAL].ids)]
    gains = []
    for count in (len(own), 2):
        copies = [row._replace(sha256=own[place % count].sha256) for place, row in enumerate(own)]
        (tmp_path / MANIFEST_CSV).write_bytes(to_csv({VAL: Manifest(tuple(copies))}))
        ensemble = analyze(tmp_path, linear_baseline=False, models=fakes.models()).ensemble
        assert ensemble is not None
        gains.append(ensemble)
    assert [one.deployed for one in gains] == [True, False]
    assert gains[0].p < gains[1].p


def test_each_trials_val_logits_are_read_once(tmp_path: Path) -> None:
    """For the choice, the effort and the check together."""
    fakes, asked = study_of_many(tmp_path), list[Path]()

    def val_logits(folder: Path) -> NDArray[np.float32] | None:
        asked.append(folder)
        return fakes.val_logits(folder)

    models = dataclasses.replace(fakes.models(), val_logits=val_logits)
    analyze(tmp_path, linear_baseline=False, models=models)
    assert len(asked) == len(set(asked)) > 2


def test_limits_can_leave_no_ensemble(tmp_path: Path) -> None:
    """As many members as there are modalities are the pair."""
    fakes = study_of_many(tmp_path, val=45)
    selection = analyze(tmp_path, linear_baseline=False, limits=Limits(members=2), models=fakes.models())
    assert (selection.ensemble, "ensemble" in selection.val) == (None, False)


def test_a_member_that_was_changed_is_not_tested(tmp_path: Path) -> None:
    """Nor does that open the test."""
    fakes = study_of_many(tmp_path)
    selection = analyze(tmp_path, linear_baseline=False, models=fakes.models())
    assert selection.ensemble is not None
    others = [
        name for name in selection.ensemble.members if name not in {m.trial_id for m in selection.models.values()}
    ]
    path = tmp_path / selection.ensemble.members[others[0]].checkpoint / "weights.safetensors"
    path.write_bytes(b"other")
    with pytest.raises(UserError, match="must be the file that was selected"):
        final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    assert not (tmp_path / "analysis/test_opened.json").exists()


@pytest.mark.parametrize("modality", [IMAGE, TEXT])
def test_one_modality(tmp_path: Path, modality: str) -> None:
    """A study of images or texts alone has no alpha and no fused row, from the selection to the test."""
    fakes = study_folder(tmp_path, (modality,))
    selection = analyze(tmp_path, linear_baseline=True, models=fakes.models())
    assert (selection.fusion, selection.linear_fusion, selection.system) == (None, None, modality)
    result = final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    assert set(result.test) == {modality, f"linear_{modality}", "majority"}


def test_without_baseline(tmp_path: Path, fakes: FakeModels) -> None:
    """Without the linear baseline neither the selection nor the test has its rows."""
    analyze(tmp_path, linear_baseline=False, models=fakes.models())
    assert set(final_test(tmp_path, tmp_path / "pictures", models=fakes.models()).test) == {
        "image",
        "text",
        "fused",
        "majority",
    }


def test_missing_test_data_do_not_open_the_test(tmp_path: Path, fakes: FakeModels) -> None:
    """A wrong path is found before the opening is recorded; so is a missing selection."""
    with pytest.raises(UserError, match=r"selection\.json"):
        final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    analyze(tmp_path, linear_baseline=False, models=fakes.models())
    with pytest.raises(UserError, match="was not opened"):
        final_test(tmp_path, tmp_path / "nowhere", models=fakes.models())
    assert not (tmp_path / "analysis/test_opened.json").exists()


def test_an_opening_without_a_result_may_be_repeated(tmp_path: Path, fakes: FakeModels) -> None:
    """After a crash the opening stands, the same selection may finish, and it is said that there were two."""
    analyze(tmp_path, linear_baseline=False, models=fakes.models())
    fakes.fail_predicting = RuntimeError("no memory")
    with pytest.raises(RuntimeError, match="no memory"):
        final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    assert (tmp_path / "analysis/test_opened.json").exists()
    assert not (tmp_path / "analysis/final_test.json").exists()
    fakes.fail_predicting = None
    result = final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    assert (result.openings, result.changes) == (2, ())
    first, *_, note = result.summary().splitlines()
    assert first == "Test accuracy on 45 samples, evaluated once, opened twice:"
    assert note.startswith("Note: The test data were opened twice for this selection; the openings before the last")


def test_test_data_that_can_t_be_read_are_not_opened(tmp_path: Path, fakes: FakeModels) -> None:
    """Rows that can't be read and a picture that can't be decoded are told before the opening: it stays the first."""
    analyze(tmp_path, linear_baseline=False, models=fakes.models())
    fakes.fail_reading = UserError("a row too long")
    with pytest.raises(UserError, match="a row too long"):
        final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    fakes.fail_reading = None
    picture = tmp_path / "pictures/test_007.jpg"
    whole = picture.read_bytes()
    picture.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(UserError, match=r"1 of 45 aren't:\n.*test_007\.jpg"):
        final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    assert not (tmp_path / "analysis/test_opened.json").exists()
    picture.write_bytes(whole)
    assert final_test(tmp_path, tmp_path / "pictures", models=fakes.models()).openings == 1


def test_a_test_set_that_shrank_between_openings_is_refused(tmp_path: Path, fakes: FakeModels) -> None:
    """With what is gone; on request it is opened, which the result, the terminal and the report's top say."""
    analyze(tmp_path, linear_baseline=False, models=fakes.models())
    fakes.fail_predicting = RuntimeError("no memory")
    with pytest.raises(RuntimeError, match="no memory"):
        final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    fakes.fail_predicting, fakes.test = None, fakes.test.rows(np.arange(43))
    with pytest.raises(UserError, match="have changed since its last opening:\n  2 samples gone:\n  SHA-256 ") as error:
        final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    assert "--accept-changed-test" in str(error.value)
    assert len(store.read_openings(tmp_path).times) == 1
    terms = OpeningTerms(accept_changes=True)
    result = final_test(tmp_path, tmp_path / "pictures", terms=terms, models=fakes.models())
    assert (result.openings, result.samples, result.changes) == (2, 43, ("2 samples gone",))
    assert store.read_final_test(tmp_path) == result
    warning = headline(store.read_selection(tmp_path), result).warning or ""
    for note in result.notes():
        assert note in warning
        assert note in result.summary()
    assert "opened twice" in warning
    assert "had changed before an opening, which was accepted (--accept-changed-test): 2 samples gone." in warning


def test_another_selection_may_not_use_an_opened_test(tmp_path: Path, fakes: FakeModels) -> None:
    """A selection.json edited after a crashed opening is refused."""
    selection = analyze(tmp_path, linear_baseline=False, models=fakes.models())
    store.open_final_test(tmp_path, store.selection_digest(selection), "t" * 64)
    path = tmp_path / "analysis/selection.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "majority_class": 2}))
    with pytest.raises(UserError, match="for another"):
        final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    assert fakes.reads == 0


def test_changed_checkpoint_is_refused_before_the_opening(tmp_path: Path, fakes: FakeModels) -> None:
    """Weights that aren't the selected ones are found by their digest, before the test is opened."""
    selection = analyze(tmp_path, linear_baseline=False, models=fakes.models())
    (tmp_path / selection.models[TEXT].checkpoint / "weights.safetensors").write_bytes(b"other")
    with pytest.raises(UserError, match="SHA-256 differs"):
        final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    assert not (tmp_path / "analysis/test_opened.json").exists()


def test_checkpoint_must_reproduce_its_trial(tmp_path: Path, fakes: FakeModels) -> None:
    """Val predictions that don't give the recorded accuracy stop the analysis, and nothing is frozen."""
    val = fakes.splits["val"]
    other = dataclasses.replace(val, labels=np.roll(val.labels, 1))
    fakes.splits = {**fakes.splits, "val": other}
    with pytest.raises(RuntimeError, match="image_001 must reproduce the val accuracy"):
        analyze(tmp_path, linear_baseline=False, models=fakes.models())
    assert not (tmp_path / "analysis").exists()


def test_files_of_two_modalities_are_as_ever(tmp_path: Path, fakes: FakeModels) -> None:
    """selection.json and final_test.json of image and text, byte for byte; BINWISE_UPDATE_GOLDEN=1 writes them anew."""
    selection = dataclasses.replace(
        analyze(tmp_path, models=fakes.models()), created="2026-01-02T03:04:05+00:00", versions={"binwise": "0.1.0"}
    )
    store.write_selection(tmp_path, selection)
    if os.environ.get("BINWISE_UPDATE_GOLDEN"):
        (GOLDEN / "selection.json").write_bytes(results_json.to_json(selection))
    assert (tmp_path / "analysis/selection.json").read_bytes() == (GOLDEN / "selection.json").read_bytes()
    assert results_json.selection_from_json(json.loads((GOLDEN / "selection.json").read_text())) == selection
    final = final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    fixed = dataclasses.replace(final, evaluated="2026-01-02T03:04:05+00:00", test_source="test", test_digest="")
    if os.environ.get("BINWISE_UPDATE_GOLDEN"):
        (GOLDEN / "final_test.json").write_bytes(results_json.to_json(fixed))
    assert results_json.to_json(fixed) == (GOLDEN / "final_test.json").read_bytes()
    assert results_json.final_test_from_json(json.loads((GOLDEN / "final_test.json").read_text())) == fixed


def test_files_of_an_earlier_version_are_read_and_keep_their_digest() -> None:
    """They have no intervals and no comparisons, and none are written into them: a frozen selection stays frozen."""
    earlier = GOLDEN / "earlier"
    for name, read in (
        ("selection.json", results_json.selection_from_json),
        ("final_test.json", results_json.final_test_from_json),
    ):
        content = (earlier / name).read_bytes()
        assert results_json.to_json(read(json.loads(content))) == content


def test_samples_of_two_modalities_are_as_ever(tmp_path: Path, fakes: FakeModels) -> None:
    """Each has its id, its text and its picture's path, and nothing else."""
    analyze(tmp_path, models=fakes.models())
    first = json.loads((tmp_path / "analysis/samples_val.json").read_text())[0]
    picture = str(tmp_path / "pictures/val_000.jpg")
    assert first == {"id": "Black/val_000.jpg", "text": "a Black thing 0", "image": picture}


@pytest.mark.parametrize("gaps", [False, True])
def test_three_modalities(tmp_path: Path, numbers: str, gaps: bool) -> None:
    """Weights of all three instead of alpha, no less accurate on val than two of them; all rows, to the test."""
    fakes = study_folder(tmp_path, (numbers, TEXT, IMAGE), gaps=gaps)
    selection = analyze(tmp_path, models=fakes.models())
    assert store.read_selection(tmp_path) == selection
    assert list(selection.models) == [IMAGE, TEXT, numbers]
    assert selection.fusion is not None
    assert list(selection.fusion.weights) == [IMAGE, TEXT, numbers]
    written = json.loads((tmp_path / "analysis/selection.json").read_text())["fusion"]
    assert written["weights"] == selection.fusion.weights
    assert selection.val["fused"].scores.accuracy == selection.fusion.accuracy
    val = fakes.splits["val"]
    logits = {name: store.load_predictions(tmp_path, "val", name).logits for name in (IMAGE, TEXT)}
    pair = best_alpha(alpha_curve(logits[IMAGE], logits[TEXT], val.labels))
    assert selection.fusion.accuracy >= pair.accuracy
    assert selection.metrics()["weight_numbers"] == selection.fusion.weights[numbers]
    assert "alpha" not in selection.metrics()
    assert "Selected weights image 0." in selection.summary()
    result = final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    assert set(result.test) == set(selection.val)
    assert result.test["fused"].scores.samples == 45
    missing = np.isnan(store.load_predictions(tmp_path, "test", numbers).logits).any(axis=1)
    assert missing.sum() == (9 if gaps else 0)


def test_a_modality_without_a_baseline_has_no_linear_row(tmp_path: Path, numbers: str) -> None:
    """The linear fusion is of those that have one; with one alone there is none."""
    fakes = study_folder(tmp_path, (IMAGE, TEXT, numbers))
    fakes.without_baseline = frozenset({numbers})
    selection = analyze(tmp_path, models=fakes.models())
    assert {row for row in selection.val if row.startswith("linear")} == {"linear_image", "linear_text", "linear_fused"}
    assert selection.linear_fusion is not None
    assert list(selection.linear_fusion.weights) == [IMAGE, TEXT]
    assert store.read_selection(tmp_path) == selection
    fakes.without_baseline = frozenset({numbers, TEXT})
    selection = analyze(tmp_path, models=fakes.models())
    assert (selection.linear_fusion, "linear_image" in selection.val) == (None, True)
    assert set(final_test(tmp_path, tmp_path / "pictures", models=fakes.models()).test) == set(selection.val)


def test_val_logits_that_lie_with_a_checkpoint_are_compared(tmp_path: Path, fakes: FakeModels) -> None:
    """Those of the trial pass; others stop the analysis, and nothing is frozen."""
    val = fakes.splits["val"]
    fakes.kept = {TEXT: predictions(having(val, TEXT), TEXT).logits}
    analyze(tmp_path, linear_baseline=False, models=fakes.models())
    (tmp_path / "analysis/selection.json").unlink()
    fakes.kept = {TEXT: np.roll(predictions(val, TEXT).logits, 1, axis=1)}
    with pytest.raises(RuntimeError, match="text_001 must decide as the val logits"):
        analyze(tmp_path, linear_baseline=False, models=fakes.models())
    assert not (tmp_path / "analysis/selection.json").exists()


def test_a_richer_fusion_that_is_deployed_is_what_is_tested_shown_and_compared(tmp_path: Path) -> None:
    """From `selection.json` on: its row on test, the report, `compare`, all of the same decisions."""
    fakes = study_of_many(tmp_path)
    frozen = analyze(tmp_path, linear_baseline=False, limits=Limits(members=2), models=fakes.models())
    assert store.read_selection(tmp_path) == frozen
    assert set(frozen.fusions) == set(RICHER) <= set(frozen.val)
    assert all(f"The fusion {name} isn't deployed: " in frozen.summary() for name in RICHER)
    swap = ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    linear = LinearFusion({IMAGE: 1.0, TEXT: 2.0}, {IMAGE: swap, TEXT: swap}, (0.0, 0.1, 0.2))
    forced = FusionResult(linear, 0.03, 0.01, 0.02, deployed=True)
    selection = dataclasses.replace(
        frozen, fusions={"stacking": forced}, val={**frozen.val, "stacking": frozen.val["fused"]}
    )
    store.write_selection(tmp_path, selection)
    assert store.read_selection(tmp_path) == selection
    assert (selection.system, selection.shown_rows) == ("stacking", (IMAGE, TEXT, "fused", "stacking"))
    result = final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    kept = {modality: store.load_predictions(tmp_path, "test", modality) for modality in (IMAGE, TEXT)}
    logits = model_logits(selection, kept, None)
    assert np.allclose(
        logits["stacking"][:, 2] * selection.row_temperature("stacking"),
        log_softmax(kept[IMAGE].logits.astype(float))[:, 2] + log_softmax(kept[TEXT].logits / 2.0)[:, 2] + 0.2,
    )
    right = logits["stacking"].argmax(axis=1) == kept[TEXT].labels
    assert result.test["stacking"].scores.accuracy == right.mean() != result.test["fused"].scores.accuracy
    found = " ".join(key_findings(selection, result, None)).replace("\u00a0", " ")
    assert "Stacking decides: +3.0 points on val over fused, cross-fitted, with a standard error of 1.0 points" in found
    assert headline(selection, result).sentence.startswith("The fusion of image and text by stacking gets ")
    assert compare({"one": tmp_path, "two": tmp_path}).common.accuracies["one"] == right.mean()  # type: ignore[union-attr]
