"""The arithmetic of the anytime benchmark, its meter and its sets; no study is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import anytime
import numpy as np
import pytest
from anytime import END, bounds_of, costs_of, least, record, refuse_second_opening
from anytime_curves import Answer, Timed, accuracies, answer_at, fused, heads_of, mcnemar, pooled
from anytime_runs import FINE_TUNING, LINEAR, QUICK, RUNG_ZERO, STUDIES, WHOLE, Size, study_config
from anytime_worker import joined_splits, random_settings
from bench_sets import DEVELOP, EMOJI, OPENCLIPART, SEALED, SETS, TUXPAINT, BenchSet, build_tree, pictures_of, text_of
from core_seconds import Metered, Seen, metered, parsed, total
from made_data import IMAGE, TEXT, make_text_split
from numpy.typing import NDArray
from scipy.stats import binom

from search.study.config import StudyConfig
from trainables.checkpoint import write_checkpoint, write_val_logits
from trainables.heads import kernel_ridge, kernels
from trainables.names import VAL
from trainables.records import EpochResult, StopReason, TrialRecord

ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
BURN = "import time\nbegan = time.process_time()\nwhile time.process_time() - began < {}: pass"


# The meter


def test_a_process_is_read_whatever_its_name() -> None:
    """The name of a process may hold what stands around it."""
    fields = ["S", "7", *["0"] * 9, "100", "50", "300", "0", *["0"] * 4, "12345"]
    parent, key, seen = parsed(f"42 (a ) b) {' '.join(fields)}")
    assert (parent, key) == (7, (42, 12345))
    assert seen == Seen(7, 1.5, 3.0)


def test_what_a_parent_waited_for_counts_once() -> None:
    """A child that was seen isn't counted again when its parent has waited for it; one that wasn't seen is."""
    parent, child = (1, 0), (2, 0)
    while_it_runs = {parent: Seen(0, 1.0, 0.0), child: Seen(1, 4.0, 0.0)}
    assert total(while_it_runs, {parent, child}) == 5.0
    after = {parent: Seen(0, 1.0, 4.5), child: Seen(1, 4.0, 0.0)}  # half a second after the last look
    assert total(after, {parent}) == 5.5
    assert total({parent: Seen(0, 1.0, 3.0)}, {parent}) == 4.0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_all_processes_of_a_command_are_metered(tmp_path: Path) -> None:
    """Children, and those that outlive their parent, count; the exit code is the command's."""
    script = tmp_path / "script.py"
    orphan = [sys.executable, "-c", BURN.format(0.6)]
    child = [sys.executable, "-c", BURN.format(0.4)]
    script.write_text(
        f"import subprocess, sys\nsubprocess.run({child!r})\n"
        f"subprocess.Popen({orphan!r}, start_new_session=True)\nsys.exit(3)",
        "utf-8",
    )
    with (tmp_path / "log").open("wb") as log:
        found = metered([sys.executable, str(script)], log)
    assert found.code == 3
    assert found.total >= 0.9
    assert found.seconds == sorted(found.seconds)


def test_what_was_used_until_a_time_lies_between_two_looks() -> None:
    """In proportion between looks; nothing before the first, all after the last."""
    meter = Metered(0, [100.0, 110.0, 120.0], [0.0, 5.0, 6.0])
    assert [meter.until(at) for at in (90, 100, 104, 110, 115, 200)] == [0, 0, 2, 5, 5.5, 6]


# The sets


def test_texts_name_no_class() -> None:
    """Words of the classes are taken out, whatever their case and what is between them."""
    dropped = SETS["icons"].dropped
    assert text_of("application-pdf", dropped) == "pdf"
    assert text_of("homeFolder: 2", frozenset()) == "home_folder_2"
    assert text_of("APP", dropped) == ""
    assert len(text_of("word " * 100, frozenset())) <= 80
    for one in SETS.values():
        if not one.as_it_is:
            assert all(not text_of(label, one.dropped) for label in one.places if label != "TTR")


def test_sealed_sets_share_no_picture_with_the_others() -> None:
    """No place of a sealed set lies in one of another set, nor the other way round."""
    places = {name: [place for some in one.places.values() for place in some] for name, one in SETS.items()}
    for sealed in SEALED:
        for other in set(SETS) - {sealed}:
            for source, place in places[sealed]:
                for another, there in places[other]:
                    within = f"{place}/".startswith(f"{there}/") or f"{there}/".startswith(f"{place}/")
                    assert source != another or not within, (sealed, other, place)
    assert len(DEVELOP) == len(SEALED) == 2


def test_a_tree_has_every_picture_under_its_text(tmp_path: Path) -> None:
    """Stamps have their descriptions, emoji their names; alike texts are numbered, links and empty texts left out."""
    stamps, emoji, drawings = tmp_path / "stamps", tmp_path / "emoji", tmp_path / "drawings"
    for path in (stamps / "food/a.png", drawings / "food/red_apple.png", drawings / "food/sub/Apple.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"png")
    (stamps / "food/a.txt").write_text("An apple.\nde.utf8=Ein Apfel.\n", "utf-8")
    (drawings / "food/link.png").symlink_to(drawings / "food/red_apple.png")
    (emoji / "img/google/64").mkdir(parents=True)
    (emoji / "img/google/64/1.png").write_bytes(b"png")
    about = [{"name": name, "image": f"{name}.png", "category": "Food & Drink"} for name in ("1", "2")]
    (emoji / "emoji.json").write_text(json.dumps(about), "utf-8")
    one = BenchSet(
        "",
        sealed=False,
        places={"green": ((TUXPAINT, "food"), (OPENCLIPART, "food")), "other": ((EMOJI, "Food & Drink"),)},
        dropped=frozenset({"red", "an"}),
    )
    roots = {TUXPAINT: stamps, OPENCLIPART: drawings, EMOJI: emoji}
    assert build_tree(one, roots, tmp_path / "tree") == {"green": 3, "other": 1}
    assert sorted(path.name for path in (tmp_path / "tree/green").iterdir()) == [
        "apple.png",
        "apple_2.png",
        "apple_3.png",
    ]
    assert not list(pictures_of(EMOJI, "Flags", emoji))


# The studies


@pytest.mark.parametrize("size", [Size(), QUICK], ids=["full", "quick"])
def test_every_study_is_one_that_the_product_takes(tmp_path: Path, size: Size) -> None:
    """No test split is named, so that no search looks at it; heads are as each variant has them."""
    for variant in STUDIES:
        config = StudyConfig.model_validate(study_config(variant, tmp_path, tmp_path / "runs", size))
        assert config.data.test is None
        for name in (IMAGE, TEXT):
            search = config.section(name).search
            assert search.heads == ("none" if variant == FINE_TUNING else "auto")
            assert search.trials == (1 if variant == RUNG_ZERO else size.trials)


def test_random_settings_are_single_and_go_away() -> None:
    """Within, cross-validation has one setting to choose; after it all are there again."""
    before = kernel_ridge.RIDGES, kernels.WIDTHS
    with random_settings(np.random.default_rng(0)):
        assert len(kernel_ridge.RIDGES) == len(kernels.WIDTHS) == 1
        assert before[1] != kernels.WIDTHS
    assert before == (kernel_ridge.RIDGES, kernels.WIDTHS)


def test_two_splits_joined_are_both_in_order() -> None:
    """Their samples keep their places and have ids of their own, though the two may share some."""
    one, other = make_text_split(5, seed=1), make_text_split(3, seed=2)
    found = joined_splits(one, other)
    assert len(found) == 8
    assert found.items(TEXT) == (*one.items(TEXT), *other.items(TEXT))
    assert found.labels.tolist() == [*one.labels, *other.labels]


# The curves


LABELS = np.array([0, 1, 0, 1])


def told(*right: bool) -> NDArray[np.float64]:
    """Logits that are right about these samples of `LABELS`."""
    said = np.where(right, LABELS, 1 - LABELS)
    return np.eye(2)[said] * 2.0


def trial(folder: Path, name: str, modality: str, logits: NDArray[np.float64], *, head: bool = False) -> TrialRecord:
    """A trial's record, with a checkpoint on the disk."""
    accuracy = float((logits.argmax(axis=1) == LABELS).mean())
    epoch = EpochResult(1, 0, 0, 0.1, accuracy, accuracy, 0, 1, 1, accuracy, 1)
    meta = {"modality": modality}
    write_checkpoint(
        folder / name, {}, meta, companions=lambda place: write_val_logits(place, logits.astype(np.float32))
    )
    config = {"head": "logistic"} if head else {}
    return TrialRecord("bench", modality, name, 0, {}, config, StopReason.COMPLETED, (epoch,), 1.0, name)


def test_the_answer_is_of_what_was_there(tmp_path: Path) -> None:
    """Before the first model there is none, then one modality's alone, then the fusion; later models don't count."""
    image = trial(tmp_path, "image_head_000", IMAGE, told(True, True, False, False), head=True)
    text = trial(tmp_path, "text_head_000", TEXT, told(False, False, True, True), head=True)
    better = trial(tmp_path, "image_000", IMAGE, told(True, True, True, False))
    trials = [Timed(10, image), Timed(20, text), Timed(30, better)]
    at = {seconds: answer_at(tmp_path, trials, seconds, {VAL: LABELS}) for seconds in (5, 10, 25, 30)}
    assert at[5] is None
    assert accuracies(at[5]) == {"val": "no model yet"}
    models = {seconds: answer.models for seconds, answer in at.items() if answer is not None}
    assert models[10] == ("image_head_000",)
    assert set(models[25]) == {"image_head_000", "text_head_000"}
    assert "image_000" in models[30]
    assert [one.record.trial_id for one in heads_of(trials)] == ["image_head_000", "text_head_000"]


def test_test_is_fused_with_vals_weights() -> None:
    """The weights that are best on val decide on test, too."""
    val = {IMAGE: told(True, True, True, True), TEXT: told(False, False, False, False)}
    test = {IMAGE: told(True, True, False, False), TEXT: told(False, False, True, True)}
    found = fused(val, {VAL: LABELS, "test": LABELS}, test, seconds=1.0, models=("a", "b"))
    assert found.weights[IMAGE] > 0.5
    assert accuracies(found) == {"val": 1.0, "test": 0.5}


def test_mid_p_is_between_the_exact_tests() -> None:
    """It is the sum over all shares as uneven, those exactly as uneven by half; equal answers say nothing."""
    ones, others = np.zeros(30, dtype=bool), np.zeros(30, dtype=bool)
    ones[:12], others[12:15] = True, True
    more, fewer, p = mcnemar(ones, others)
    assert (more, fewer) == (12, 3)
    chances = binom.pmf(np.arange(16), 15, 0.5)
    brute = (
        sum(c for c in chances if c < chances[3] * (1 - 1e-9))
        + sum(c for c in chances if np.isclose(c, chances[3])) / 2
    )
    assert p == pytest.approx(brute)
    assert mcnemar(ones, ones) == (0, 0, 1.0)
    assert pooled([(ones, others), (ones, others)])[:2] == (24, 6)


def answer(share: float, seconds: float = 60.0) -> Answer:
    """An answer that is right about this share of 100 samples of val, and of test."""
    right = np.arange(100) < share * 100
    return Answer(seconds, ("m",), {IMAGE: 1.0}, right, right)


def test_bounds_say_what_holds() -> None:
    """Each promise is met or missed by what the sets' answers say."""
    answers = {
        LINEAR: {END: answer(0.70)},
        RUNG_ZERO: {END: answer(0.80, seconds=120)},
        WHOLE: {"1": None, "2": answer(0.91), "4": answer(0.92), END: answer(0.92)},
        FINE_TUNING: {"1": None, "2": None, "4": answer(0.93), END: answer(0.90)},
    }
    found = {
        one.what: one
        for one in bounds_of({"openclipart": answers}, {"openclipart": costs_of(answers, 60, 500)}, "test")
    }
    holds = {what: one.holds for what, one in found.items()}
    assert (
        holds.pop("openclipart: rung zero, from the command on, core-minutes for 1,000 training pictures") is False
    )  # 4
    assert holds.pop("openclipart: whole study - fine-tuning only, val, the least of all times") is False
    assert all(holds.values())
    assert least(answers) == pytest.approx(-0.01)
    assert found["rung zero's fused test accuracy - the linear baseline's, mean"].measured == pytest.approx(0.10)


def test_the_sealed_tests_are_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was cut off may go on with the same studies; after a result, or with others, no more."""
    monkeypatch.setattr(anytime, "OPENED", tmp_path / "opened.jsonl")
    monkeypatch.setattr(anytime, "studies_digest", lambda names: "same")
    refuse_second_opening()
    record({"opened": "abc", "studies": "same"})
    refuse_second_opening()
    monkeypatch.setattr(anytime, "studies_digest", lambda names: "others")
    with pytest.raises(SystemExit, match="once"):
        refuse_second_opening()
    monkeypatch.setattr(anytime, "studies_digest", lambda names: "same")
    record({"finished": "abc"})
    with pytest.raises(SystemExit, match="once"):
        refuse_second_opening()


def test_a_smoke_run_opens_no_test() -> None:
    """`--quick --sealed` is refused before anything runs."""
    script = Path(anytime.__file__)
    found = subprocess.run(
        [sys.executable, str(script), "--quick", "--sealed"], capture_output=True, text=True, env=ENV, check=False
    )
    assert found.returncode == 2
    assert "no reason" in found.stderr
