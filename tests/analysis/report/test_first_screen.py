"""What the first screen answers, and that it is honest where the news is bad."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from analysis_fakes import study_folder, study_of_many
from modality_names import IMAGE, TEXT

from analysis import store
from analysis.numbers.abstention import Sets
from analysis.numbers.calibration import Calibration
from analysis.numbers.intervals import Interval
from analysis.numbers.paired import compared
from analysis.pipeline import analyze, final_test
from analysis.report.first_screen import BAD, GOOD, PLAIN, Answer, Effort, answers, broken_promise, effort_of
from analysis.results import FinalTest, Selection
from analysis.rows import FROZEN_SYSTEM, LINEAR_SYSTEM, SINGLE
from trainables.names import HEAD

EFFORT = Effort(3723.0, 8, 12_000_000)


def a_study(folder: Path, modalities: tuple[str, ...] = (IMAGE, TEXT)) -> tuple[Selection, FinalTest]:
    """A study that was analyzed and tested."""
    fakes = study_folder(folder, modalities)
    analyze(folder, linear_baseline=True, models=fakes.models())
    final_test(folder, folder / "pictures", models=fakes.models())
    final = store.read_final_test(folder)
    assert final is not None
    return store.read_selection(folder), dataclasses.replace(final, other_openings={})


def told(
    selection: Selection,
    final: FinalTest | None,
    warnings: tuple[str, ...] = (),
    chances: Calibration | None = None,
) -> dict[str, Answer]:
    """The answers by key, with plain spaces."""
    found = answers(selection, final, EFFORT, warnings, None, (), chances)
    return {
        one.key: dataclasses.replace(one, words=tuple(words.replace("\u00a0", " ") for words in one.words))
        for one in found
    }


def test_ten_questions_are_answered(tmp_path: Path) -> None:
    """What, of which trials, how good, how sure, against guessing, fusing, tuning, time, size, effort."""
    said = told(*a_study(tmp_path))
    assert list(said) == ["deploy", "sure", "cost", "fusing", "tuning", "distrust"]
    assert said["deploy"].value == "The fusion of image and text"
    assert said["deploy"].words[0] == "Trials image_001 and text_001, alpha 0.90 (the text’s weight)."
    assert "38 of 45 test samples are right; 95 % interval 71.2 to 92.3 %." in said["sure"].words
    assert "Always saying “Black” gets 33.3 %." in said["sure"].words
    assert said["fusing"].words[0].startswith("Fusing is not shown to help: +2.2 points on test over text alone (95 %")
    assert said["tuning"].words[0].startswith("It is not shown to be ahead: −8.9 points on test over the linear")
    assert "93.3 %) (95 % interval −19.3 to +2.3)" in said["tuning"].words[0]
    assert said["cost"].words == (
        "1.2 times as long as text alone.",
        "The weights take 12.0 MB.",
        "The search took 1 h 02 min for 8 trials.",
    )


@pytest.mark.parametrize(("more", "tone", "says"), [(20, GOOD, "Fusing helps"), (-20, BAD, "Fusing hurts, text alone")])
def test_verdicts_have_their_colours(tmp_path: Path, more: int, tone: str, says: str) -> None:
    """A gain that is shown is green, a loss that is shown is red; what isn't shown is neither."""
    selection, final = a_study(tmp_path)
    found = compared(np.arange(90) < 40 + more, np.arange(90) < 40).adjusted(0.001, "fused", "text")
    both = {SINGLE: found, FROZEN_SYSTEM: found, LINEAR_SYSTEM: found}
    said = told(selection, dataclasses.replace(final, comparisons=both))
    assert (said["fusing"].tone, said["tuning"].tone) == (tone, tone)
    assert said["fusing"].words[0].startswith(says)
    assert told(selection, final)["fusing"].tone == PLAIN


def test_what_costs_less_and_does_as_well_is_named(tmp_path: Path) -> None:
    """Heads on frozen features first, else the single model; nothing where the system is shown to be ahead."""
    selection, final = a_study(tmp_path)
    same = compared(np.arange(90) < 41, np.arange(90) < 40).adjusted(0.9, "fused", "text")
    ahead = compared(np.arange(90) < 70, np.arange(90) < 40).adjusted(0.001, "fused", "text")
    for comparisons, says in (
        ({FROZEN_SYSTEM: same, SINGLE: ahead}, "Heads on frozen features"),
        ({FROZEN_SYSTEM: ahead, SINGLE: same}, "The text model alone"),
    ):
        assert told(selection, dataclasses.replace(final, comparisons=comparisons))["deploy"].words[1].startswith(says)
    sure = dataclasses.replace(final, comparisons={FROZEN_SYSTEM: ahead, SINGLE: ahead})
    assert len(told(selection, sure)["deploy"].words) == 1


def test_what_to_distrust(tmp_path: Path) -> None:
    """Warnings of the data come first; few samples, a gap to val and bad chances are said; else that nothing is."""
    selection, final = a_study(tmp_path)
    off = Calibration(0.4, 0.2, 0.17, ())
    found = told(selection, final, ("A number tells the class.",), off)["distrust"]
    assert found.value == "4\u00a0things"
    assert found.tone == BAD
    assert found.words[0] == "A number tells the class."
    assert found.words[1].startswith("45 test samples are few: the interval is 21.0 points wide")
    assert found.words[2].startswith("Test is 8.9 points below val")
    row = final.test[selection.system]
    assert found.words[3].startswith("The chances it gives are off by 17.0 points")
    calm = dataclasses.replace(row, interval=None)
    quiet = dataclasses.replace(final, test={**final.test, selection.system: calm})
    same = dataclasses.replace(selection, val={**selection.val, selection.system: calm})
    believed = dataclasses.replace(off, error=0.01)
    assert told(same, quiet, chances=believed)["distrust"].value == "Nothing stands out"


def test_before_the_test(tmp_path: Path) -> None:
    """Every number is val's, and that is said; no gain is called shown."""
    selection, _ = a_study(tmp_path)
    said = told(selection, None)
    assert any("only the test tells" in words for words in said["sure"].words)
    assert "only the test tells" in said["fusing"].words[0]
    assert said["tuning"].words == ("On val, where the linear baseline reached 93.3 %.",)


def test_one_modality_has_nothing_to_fuse(tmp_path: Path) -> None:
    """No answer on fusing, no alpha; one trial is named."""
    said = told(*a_study(tmp_path, (TEXT,)))
    assert "fusing" not in said
    assert said["deploy"].words[0] == "Trial text_001."


def test_an_ensemble_names_its_members(tmp_path: Path) -> None:
    """All of its trials, and what the trials took together."""
    fakes = study_of_many(tmp_path)
    selection = analyze(tmp_path, linear_baseline=False, models=fakes.models())
    assert selection.ensemble is not None
    found = told(selection, None)["deploy"]
    assert all(name in found.words[0] for name in selection.ensemble.members)
    records = store.read_trials(tmp_path)
    assert effort_of(records, selection) == Effort(sum(one.seconds for one in records), 6, 0)
    heads = [dataclasses.replace(one, config={HEAD: "ridge"}) for one in records]
    said = answers(selection, None, effort_of(heads, selection), (), None)[0]
    assert said.words[1] == "Nothing of it is fine-tuned: heads on frozen features."


def test_thresholds_that_do_not_hold_are_said() -> None:
    """The set that is furthest below its promise, where chance doesn't explain it; silence where it may."""
    kept = Sets(0.8, 0.5, 0.79, Interval(0.7, 0.86), 1.2, 0.8)
    broken = Sets(0.9, 0.3, 0.7, Interval(0.6, 0.79), 1.2, 0.8)
    assert broken_promise([kept]) == ""
    said = broken_promise([kept, broken]).replace("\u00a0", " ")
    assert "true class in 90.0 % hold it in 70.0 %" in said
