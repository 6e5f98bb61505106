"""What the numbers say, in sentences: the headline and the key findings. Pure; honest also where the news is bad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis import wording
from analysis.numbers.alpha_choice import FusionRule
from analysis.numbers.calibration import Calibration
from analysis.numbers.ensemble import Gain
from analysis.numbers.fusion import AlphaGrid
from analysis.numbers.metrics import ClassScores, Scores
from analysis.numbers.mixture import Mixture
from analysis.numbers.paired import Comparison, Verdict
from analysis.results import EnsembleResult, FinalTest, FusionResult, RowScores, Selection, times
from analysis.rows import FROZEN, FROZEN_SYSTEM, LINEAR, LINEAR_SYSTEM, SINGLE, row_order
from trainables.names import ACCURACY, ENSEMBLE, FUSED, TEST, VAL

NOTABLE = 0.02  # a difference between val and test of this share is worth a warning
_VERDICTS = {
    Verdict.BETTER: "ahead of",
    Verdict.NOT_SHOWN: "not shown to be ahead of",
    Verdict.WORSE: "behind",
}


@dataclass(frozen=True)
class Headline:
    """The result in one sentence."""

    sentence: str
    warning: str | None  # what the reader must know before quoting a number


def headline(selection: Selection, final: FinalTest | None, opened: Sequence[str] = ()) -> Headline:
    """The top of the report, from test where it has a result and else from val.

    `opened`: when the test was opened, as ISO times.
    """
    split, rows = shown(selection, final)
    scores = rows[selection.system].scores
    name = system_name(selection)
    sentence = (
        f"{name} gets {wording.percent(scores.accuracy)} of {wording.count(scores.samples)} {split} samples right."
    )
    return Headline(sentence, _warning(final, opened))


def key_findings(
    selection: Selection, final: FinalTest | None, grid: AlphaGrid | None, chances: Calibration | None = None
) -> tuple[str, ...]:
    """A sentence or two each, from the best single model to the hardest class. `chances`: of the system."""
    split, rows = shown(selection, final)
    found = [
        _single(selection, split, rows),
        _fusion_gain(selection, final, rows),
        _ensemble(selection, split, rows),
        *(_richer(selection, name, split, rows) for name in selection.fusions),
        _weights(selection.fusion, selection.fusion_rule, grid),
        _optimism(selection, final),
        _chances(selection, split, chances),
        _speed(selection, rows),
        _baseline(selection, final, rows),
        _hardest_class(rows[selection.system].scores),
    ]
    return tuple(sentence for sentence in found if sentence)


def system_name(selection: Selection) -> str:
    """What the study ends with, as a sentence begins."""
    if selection.deploys_ensemble and selection.ensemble is not None:
        return f"The ensemble of {wording.count(len(selection.ensemble.members), 'model')}"
    if selection.fusion is not None:
        kind = selection.deployed_fusion
        how = "" if kind is None else f" by {wording.fusion_kind(kind).lower()}"
        return f"The fusion of {wording.listed(list(selection.models))}{how}"
    return f"The {selection.system} model"


def shown(selection: Selection, final: FinalTest | None) -> tuple[str, Mapping[str, RowScores]]:
    """The split that the report speaks of, and its rows: test, or val before the test."""
    return (TEST, final.test) if final else (VAL, selection.val)


def _warning(final: FinalTest | None, opened: Sequence[str]) -> str | None:
    if final is None:
        return (
            f"{not_tested(opened)} Every number here is from val, on which the choice was made, and therefore "
            "optimistic."
        )
    return " ".join(final.notes()) or None


def not_tested(opened: Sequence[str]) -> str:
    """What is to be said of a test without a result, from the times at which it was opened."""
    if not opened:
        return "The test has not been opened."
    return f"The test was opened {times(len(opened))}, last on {wording.date(opened[-1])}, and ended without a result."


def best_single(selection: Selection, rows: Mapping[str, RowScores]) -> str:
    """The single model that is best on these very samples: a gain over another one would flatter the fusion."""
    return max(selection.models, key=lambda name: rows[name].scores.accuracy)


def _best_of(selection: Selection) -> str:
    return "better" if len(selection.models) == 2 else "best"


def _single(selection: Selection, split: str, rows: Mapping[str, RowScores]) -> str:
    if selection.fusion is None:
        return ""
    best, leader = selection.best_single, best_single(selection, rows)
    ranked = [best, *(modality for modality in selection.models if modality != best)]
    each = ", ".join(f"{modality} {wording.percent(rows[modality].scores.accuracy)}" for modality in ranked)
    if rows[best].scores.accuracy >= rows[leader].scores.accuracy:
        return f"Best single model: {best}. On {split}: {each}."
    return f"On val {best} was the {_best_of(selection)} single model, but on {split} {leader} is ({each})."


def _fusion_gain(selection: Selection, final: FinalTest | None, rows: Mapping[str, RowScores]) -> str:
    """Whether fusing helps. Only the test can tell: on val the weights were chosen, so that a gain is there by choice.

    Where it gains nothing, the mere difference is above 0 in 4 to 29 % of studies on test, and in up to 85 % on val.
    """
    if selection.fusion is None:
        return ""
    best = best_single(selection, rows)
    gain = wording.points(rows[FUSED].scores.accuracy - rows[best].scores.accuracy)
    if final is None:
        return (
            f"Fusing gains {gain} on val over {best} alone; its weights were chosen there, so that only the test tells."
        )
    if (found := final.comparisons.get(SINGLE)) is None:  # of an earlier version
        return f"Fusing gains {gain} on test over {best} alone."
    return fusion_verdict(found, TEST)


def fusion_verdict(found: Comparison, split: str) -> str:
    """Whether fusing helps, from its comparison with the best single model on a split."""
    said = {
        Verdict.BETTER: "Fusion helps",
        Verdict.NOT_SHOWN: "Fusion is not shown to help",
        Verdict.WORSE: f"Fusion hurts, {found.second} alone would do",
    }
    return f"{said[found.verdict]}: {compared_words(found, split)}."


def compared_words(found: Comparison, split: str, over: str = "") -> str:
    """+1.4 points on test over text alone (95 % interval -0.6 to +3.5), by 9 samples against 3 (p 0.15).

    `over`: how the second one is called, where its name doesn't say it.
    """
    over = over or (f"{found.second} alone" if found.first == FUSED else found.second)
    return (
        f"{wording.points(found.gain)} on {split} over {over} (95\u00a0% interval {wording.gains(found.interval)}), "
        f"by {wording.count(found.only_first, 'sample')} against {wording.count(found.only_second)} "
        f"({wording.p_value(found.p)})"
    )


def _ensemble(selection: Selection, split: str, rows: Mapping[str, RowScores]) -> str:
    """What several trials of each modality gain, and why they decide or not."""
    if (ensemble := selection.ensemble) is None:
        return ""
    members, found = wording.listed(list(ensemble.members)), _over_pair(selection, ensemble)
    if not ensemble.deployed:
        return f"An ensemble of {members} isn't deployed: val doesn't show that it gains ({found})."
    here = wording.points(rows[ENSEMBLE].scores.accuracy - rows[selection.pair].scores.accuracy)
    on_split = "" if split == VAL else f", {here} on {split}"
    return f"The ensemble of {members} is deployed: {found}{on_split}."


def _richer(selection: Selection, name: str, split: str, rows: Mapping[str, RowScores]) -> str:
    """What a richer fusion gains, and why it decides or not."""
    found, kind = selection.fusions[name], wording.fusion_kind(name)
    gain = _over_pair(selection, found)
    if found.deployed:
        here = wording.points(rows[name].scores.accuracy - rows[selection.pair].scores.accuracy)
        return f"{kind} decides: {gain}{'' if split == VAL else f', {here} on {split}'}."
    if Gain(found.gain, found.standard_error, found.p).shown:
        return f"{kind} isn't deployed: {selection.system} is, though it gains, too ({gain})."
    return f"{kind} isn't deployed: val doesn't show that it gains ({gain})."


def _over_pair(selection: Selection, found: EnsembleResult | FusionResult) -> str:
    gain, error = wording.points(found.gain), wording.points(found.standard_error)[1:]
    return f"{gain} on val over {selection.pair}, cross-fitted, with a standard error of {error}"


def _weights(fusion: Mixture | None, rule: FusionRule, grid: AlphaGrid | None) -> str:
    if fusion is None:
        return ""
    alpha = fusion.best_alpha
    percent, plateau = wording.percent(fusion.accuracy), wording.plateau(fusion)
    if alpha is None:
        each = ", ".join(f"{modality} {weight}" for modality, weight in wording.weights(fusion).items())
        same = f"the same at any weight of {fusion.towards} in {plateau}, the others in proportion"
        end = f", so val shows no gain from {fusion.towards}" if fusion.low == 0 else ""
        return f"The weights {each} get {percent} on val, {same}{end}."
    what = "" if rule.metric == ACCURACY else "accuracy "
    said = f"Alpha {wording.alpha(alpha)} is {rule} on val ({plateau}, {what}{percent})"
    if grid:
        place, accuracy = max(grid, key=lambda one: one[1])
        said += f"; the {len(grid)}-point grid’s best is {place:.1f} with {wording.percent(accuracy)}"
    alone = dict(zip((0.0, 1.0), fusion.weights, strict=True))
    single = next((alone[value] for value in (fusion.low, fusion.high) if value in alone), None)
    return f"{said}." + (
        f" The plateau reaches the {single} model alone, so val shows no gain from fusing." if single else ""
    )


def _optimism(selection: Selection, final: FinalTest | None) -> str:
    """How far val can be believed: what choosing on it adds by itself, and what test says."""
    val = selection.val[selection.system].scores.accuracy
    corrected = ""
    if (found := selection.optimism) is not None:
        corrected = (
            f"Choosing on val adds about {wording.points(found.added)[1:]} by itself: without it "
            f"{wording.percent(val)} are {wording.percent(val - found.added)}"
        )
        most = max(found.wins, key=lambda name: found.wins[name])
        corrected += f"; in resamples of val {most} wins most often, in {wording.percent(found.wins[most])}. "
    if final is None:
        return corrected.strip()
    test = final.test[selection.system].scores.accuracy
    both = f"{wording.percent(val)} on val, {wording.percent(test)} on test"
    if val - test >= NOTABLE:
        gap = wording.points(val - test)[1:]
        return f"{corrected}Val is optimistic by {gap}: {both}. The choice never saw the test data."
    if test - val >= NOTABLE:
        return f"{corrected}Test is easier than val here: {both}."
    return f"{corrected}Val and test agree within {100 * NOTABLE:.0f} points: {both}."


def _chances(selection: Selection, split: str, chances: Calibration | None) -> str:
    """Whether the system is as sure as it is right."""
    if chances is None:
        return ""
    temperature = selection.val[selection.system].temperature
    at = "" if temperature is None else f", at the temperature {temperature:.2f} that val gives,"
    return (
        f"The chances it gives{at} are off by {wording.points(chances.error)[1:]} on {split} (calibration error, root "
        f"mean square), with a log loss of {chances.log_loss:.2f} and a Brier score of {chances.brier:.2f}."
    )


def _speed(selection: Selection, rows: Mapping[str, RowScores]) -> str:
    fused, best = rows.get(FUSED), rows[selection.best_single]
    if fused is None or not fused.seconds_per_sample or not best.seconds_per_sample:
        return ""
    ratio = wording.times(fused.seconds_per_sample / best.seconds_per_sample)
    return (
        f"Speed: fused takes {wording.milliseconds(fused.seconds_per_sample)}\u00a0ms a sample, {ratio} as long as "
        f"{selection.best_single} alone."
    )


def _baseline(selection: Selection, final: FinalTest | None, rows: Mapping[str, RowScores]) -> str:
    """Against frozen features, and against the linear fusion; with fewer than two of a kind, against the last one."""
    split, said = (TEST if final else VAL), []
    for prefix, key, what in (
        (FROZEN, FROZEN_SYSTEM, "heads on frozen features"),
        (LINEAR, LINEAR_SYSTEM, "the linear baseline"),
    ):
        baselines = [row for row in row_order(selection.models) if row.startswith(prefix) and row in rows]
        if not baselines:
            continue
        found = final.comparisons.get(key) if final else None
        other, own = rows[baselines[-1]].scores.accuracy, rows[selection.system].scores.accuracy
        gap = f"{wording.points(own - other)} against {wording.percent(other)}"
        if found is None:
            verdict = "ahead of" if own > other else "not better than"
        else:
            verdict = _VERDICTS[found.verdict]
            gap += f" (95\u00a0% interval {wording.gains(found.interval)}, {wording.p_value(found.p)})"
        said.append(f"{verdict} {what}: {gap}")
    return f"On {split} the {selection.system} system is {', and '.join(said)}." if said else ""


def _hardest_class(scores: Scores) -> str:
    present = [(place, row) for place, row in enumerate(scores.per_class) if row.recall is not None]
    place, row = min(present, key=lambda one: _recall(one[1]))
    missed = [(number, other) for other, number in enumerate(scores.confusion[place]) if other != place]
    number, other = max(missed, default=(0, 0))
    found = f"{wording.percent(row.recall)} of its {wording.count(row.support, 'sample')} are found"
    said = f"Hardest class: {row.name}, {found}"
    taken = f"; {wording.count(number)} are taken for {scores.per_class[other].name}" if number else ""
    return f"{said}{taken}."


def _recall(row: ClassScores) -> float:
    return 1.0 if row.recall is None else row.recall
