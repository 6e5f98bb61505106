"""The report's first screen: what to deploy, how sure that is, what it gained and costs, what to distrust. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis import wording
from analysis.numbers.abstention import Sets
from analysis.numbers.calibration import Calibration
from analysis.numbers.paired import Comparison, Verdict
from analysis.report.findings import NOTABLE, best_single, compared_words, shown, system_name
from analysis.results import FinalTest, RowScores, Selection
from analysis.rows import FROZEN, FROZEN_SYSTEM, LINEAR, LINEAR_SYSTEM, MAJORITY, SINGLE, row_order
from trainables.names import FUSED, TEST, VAL
from trainables.records import TrialRecord

WIDE = 0.1  # an interval of this width is too wide to tell good systems apart
UNSURE = 0.05  # chances that are off by this share mislead who acts on them
GOOD, BAD, PLAIN = "good", "bad", "plain"  # how an answer is coloured
_TONES = {Verdict.BETTER: GOOD, Verdict.NOT_SHOWN: PLAIN, Verdict.WORSE: BAD}


@dataclass(frozen=True)
class Answer:
    """What a reader asks first, and what the numbers say."""

    key: str
    question: str
    value: str  # a few words or a number
    words: tuple[str, ...]  # sentences
    tone: str = PLAIN


@dataclass(frozen=True)
class Effort:
    """What the trials took together."""

    seconds: float
    trials: int
    weights_bytes: int  # of all models that decide; 0 where it isn't known
    frozen: bool = False  # whether all of these are heads on frozen features


def effort_of(records: Sequence[TrialRecord], selection: Selection) -> Effort:
    """From the trials' records."""
    deployed = selection.ensemble.members if selection.deploys_ensemble and selection.ensemble else None
    ids = set(deployed or (model.trial_id for model in selection.models.values()))
    deciding = [one for one in records if one.trial_id in ids]
    sizes = [one.best.weights_bytes for one in deciding if one.best is not None]
    seconds, frozen = sum(one.seconds for one in records), all(one.is_head for one in deciding)
    return Effort(seconds, len(records), sum(sizes) if all(sizes) else 0, frozen)


def answers(
    selection: Selection,
    final: FinalTest | None,
    effort: Effort,
    warnings: Sequence[str],
    top: str | None,
    sets: Sequence[Sets] = (),
    chances: Calibration | None = None,
) -> tuple[Answer, ...]:
    """The first screen, in its order.

    `warnings`: what the data check found; `top`: what must be known before a number is quoted, as the headline has it;
    `sets`: conformal sets, checked on test; `chances`: how good the system's are.
    """
    split, rows = shown(selection, final)
    return (
        _deploy(selection, final, effort),
        _sure(selection, split, rows),
        _cost(selection, rows, effort),
        *(() if selection.fusion is None else (_fusing(selection, final, rows),)),
        _tuning(selection, final, rows),
        _distrust(selection, final, [*([top] if top else []), *warnings], sets, chances),
    )


def _deploy(selection: Selection, final: FinalTest | None, effort: Effort) -> Answer:
    """What the study ends with, of which trials; and what would do as well."""
    fusion, members = selection.fusion, [model.trial_id for model in selection.models.values()]
    if selection.deploys_ensemble and selection.ensemble is not None:
        members = list(selection.ensemble.members)
    of = f"Trial{'s' if len(members) > 1 else ''} {wording.listed(members)}"
    if fusion is not None and selection.system == selection.pair:
        best = fusion.best_alpha
        each = ", ".join(f"{name} {weight}" for name, weight in wording.weights(fusion).items())
        of += f", weights {each}" if best is None else f", alpha {wording.alpha(best)} (the {fusion.towards}’s weight)"
    cheaper = "Nothing of it is fine-tuned: heads on frozen features." if effort.frozen else _cheaper(selection, final)
    return Answer("deploy", "What to deploy?", system_name(selection), tuple(filter(None, (f"{of}.", cheaper))))


def _cheaper(selection: Selection, final: FinalTest | None) -> str:
    """What costs less and isn't shown to be worse; empty where there is nothing, or only val speaks."""
    found = {} if final is None else final.comparisons
    frozen, single = found.get(FROZEN_SYSTEM), found.get(SINGLE)
    if frozen is not None and frozen.verdict != Verdict.BETTER:
        return "Heads on frozen features, which cost no fine-tuning, are not shown to be worse."
    if single is not None and single.verdict != Verdict.BETTER and selection.system == FUSED:
        return f"The {single.second} model alone, which is cheaper, is not shown to be worse."
    return ""


def _sure(selection: Selection, split: str, rows: Mapping[str, RowScores]) -> Answer:
    row, majority = rows[selection.system], rows[MAJORITY].scores.accuracy
    right = f"{wording.count(row.scores.right)} of {wording.count(row.scores.samples, f'{split} sample')} are right"
    said = [f"{right}." if row.interval is None else f"{right}; 95\u00a0% interval {wording.shares(row.interval)}."]
    if split == VAL:
        said.append("The choice was made on val: that number is optimistic, and only the test tells.")
    name = selection.classes[selection.majority_class]
    said.append(f"Always saying “{name}” gets {wording.percent(majority)}.")
    return Answer("sure", "How good is it, and how sure is that?", wording.percent(row.scores.accuracy), tuple(said))


def _cost(selection: Selection, rows: Mapping[str, RowScores], effort: Effort) -> Answer:
    own, best = rows[selection.system].seconds_per_sample, rows[selection.best_single].seconds_per_sample
    said = ["Inference alone, on the machine of the test."]
    if own and best and selection.system != selection.best_single:
        said = [f"{wording.times(own / best).capitalize()} as long as {selection.best_single} alone."]
    if effort.weights_bytes:
        said.append(f"The weights take {wording.megabytes(effort.weights_bytes)}\u00a0MB.")
    said.append(f"The search took {wording.duration(effort.seconds)} for {wording.count(effort.trials, 'trial')}.")
    return Answer("cost", "What does a sample cost?", f"{wording.milliseconds(own)}\u00a0ms", tuple(said))


def _fusing(selection: Selection, final: FinalTest | None, rows: Mapping[str, RowScores]) -> Answer:
    question, best = "What did fusing gain?", best_single(selection, rows)
    gain = wording.points(rows[FUSED].scores.accuracy - rows[best].scores.accuracy)
    found = final.comparisons.get(SINGLE) if final else None
    if found is None:
        untold = "Its weights were chosen there: only the test tells." if final is None else "No test of it was kept."
        return Answer("fusing", question, gain, (f"On {TEST if final else VAL} over {best} alone. {untold}",))
    verdict = {
        Verdict.BETTER: "Fusing helps:",
        Verdict.NOT_SHOWN: "Fusing is not shown to help:",
        Verdict.WORSE: f"Fusing hurts, {found.second} alone would do:",
    }[found.verdict]
    return Answer("fusing", question, gain, (f"{verdict} {compared_words(found, TEST)}.",), _TONES[found.verdict])


def _tuning(selection: Selection, final: FinalTest | None, rows: Mapping[str, RowScores]) -> Answer:
    """Against heads on frozen features; without any against the linear baseline."""
    for prefix, key, what in (
        (FROZEN, FROZEN_SYSTEM, "heads on frozen features"),
        (LINEAR, LINEAR_SYSTEM, "the linear baseline"),
    ):
        found = final.comparisons.get(key) if final else None
        baselines = [row for row in row_order(selection.models) if row.startswith(prefix) and row in rows]
        if baselines:
            return _tuned(selection, final, rows, found, baselines[-1], what)
    return Answer("tuning", "What did tuning gain?", wording.NONE, ("The study has no baseline to compare with.",))


def _tuned(
    selection: Selection,
    final: FinalTest | None,
    rows: Mapping[str, RowScores],
    found: Comparison | None,
    baseline: str,
    what: str,
) -> Answer:
    other = rows[baseline].scores.accuracy
    gain = wording.points(rows[selection.system].scores.accuracy - other)
    question = f"What did tuning gain over {what.removeprefix('heads on ')}?"
    if found is None:
        split = TEST if final else VAL
        return Answer("tuning", question, gain, (f"On {split}, where {what} reached {wording.percent(other)}.",))
    verdict = {
        Verdict.BETTER: "It is ahead:",
        Verdict.NOT_SHOWN: "It is not shown to be ahead:",
        Verdict.WORSE: "It is behind:",
    }[found.verdict]
    named = compared_words(found, TEST, f"{what} ({wording.percent(other)})")
    return Answer("tuning", question, gain, (f"{verdict} {named}.",), _TONES[found.verdict])


def _distrust(
    selection: Selection,
    final: FinalTest | None,
    known: Sequence[str],
    sets: Sequence[Sets],
    chances: Calibration | None,
) -> Answer:
    split, rows = shown(selection, final)
    row, said = rows[selection.system], list(known)
    if row.interval is not None and row.interval.high - row.interval.low >= WIDE:
        wide = wording.points(row.interval.high - row.interval.low)[1:]
        said.append(f"{wording.count(row.scores.samples, f'{split} sample')} are few: the interval is {wide} wide.")
    gap = selection.val[selection.system].scores.accuracy - row.scores.accuracy
    if abs(gap) >= NOTABLE:
        way = "below" if gap > 0 else "above"
        said.append(
            f"Test is {wording.points(abs(gap))[1:]} {way} val: choosing made val too high, or the data differ."
        )
    if chances is not None and chances.error >= UNSURE:
        said.append(f"The chances it gives are off by {wording.points(chances.error)[1:]}: don’t act on them.")
    said += [one for one in [broken_promise(sets)] if one]
    count, tone = wording.count(len(said), "thing") if said else "Nothing stands out", BAD if said else PLAIN
    if not said:
        said = ["No warning of the data, one opening of the test, val and test agree, and the chances can be believed."]
    return Answer("distrust", "What to distrust?", count, tuple(said), tone)


def broken_promise(sets: Sequence[Sets]) -> str:
    """That thresholds from val don't hold on test, where the sets show it; empty else."""
    broken = [one for one in sets if one.interval.high < one.level]
    if not broken:
        return ""
    worst = max(broken, key=lambda one: one.level - one.covered)
    return (
        f"Val promises more than test keeps: sets that should hold the true class in {wording.percent(worst.level)} "
        f"hold it in {wording.percent(worst.covered)}. Set thresholds on fresh samples."
    )
