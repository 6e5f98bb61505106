"""How the report writes numbers and names: the same digits for the same kind of number everywhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.numbers.cost import TUNING, Cost
from analysis.numbers.fusion import BestAlpha
from analysis.numbers.mixture import Mixture
from analysis.rows import FROZEN, LINEAR, MAJORITY, linear_row, ordered
from trainables.modalities import modality_of
from trainables.names import ENSEMBLE, FUSED, LATENCY, PER_CLASS, RICHER, SIZE, STACKING

if TYPE_CHECKING:  # it brings scipy.stats, which takes a second: a bundle answers sooner
    from analysis.numbers.intervals import Interval

NONE = "–"
P_LEAST = 0.001  # a smaller p says no more
_SPACE = "\u00a0"  # keeps a number and its unit on one line
CHEAP = {SIZE: "small", LATENCY: "fast"}
CHEAPER = {SIZE: "smaller", LATENCY: "faster"}
CHEAPEST = {SIZE: "smallest", LATENCY: "fastest"}


_KINDS = {PER_CLASS: "Weights by class", STACKING: "Stacking"}
_NOTES: Mapping[str, str] = {
    PER_CLASS: "Weights by class: the selected models, with a weight for each class.",
    STACKING: "Stacking: logistic regression on the selected models’ calibrated log-probabilities.",
}


def fusion_kind(name: str) -> str:
    """A richer fusion, as a sentence begins."""
    return _KINDS[name]


def empty_sets_note(mean_sizes: Iterable[float]) -> str:
    """Why sets of classes may have less than one on average; empty where none does."""
    if all(size >= 1 for size in mean_sizes):
        return ""
    return (
        "Fewer than one class on average: on val the model is right more often than is promised, so that sets may be "
        "empty where it is least sure. Take its likeliest class there, and the true one is held more often than "
        "promised."
    )


def row_name(row: str, majority: str) -> str:
    """A row of the results table as a person reads it; `majority` is the most frequent class's name."""
    if row == MAJORITY:
        return f"Always “{majority}”"
    if row.startswith(FROZEN):
        return f"Frozen: {row.removeprefix(FROZEN)}"
    return f"Linear: {row.removeprefix(LINEAR)}" if row.startswith(LINEAR) else _KINDS.get(row, row.capitalize())


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: `a`; `a and b`; `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def percent(share: float | None) -> str:
    """A share in percent: 0.8123 -> 81.2 %."""
    return NONE if share is None else f"{100 * share:.1f}{_SPACE}%"


def points(difference: float) -> str:
    """A difference of two shares: 0.019 -> +1.9 points."""
    rounded = round(100 * difference, 1) + 0.0  # no "-0.0"
    sign = "+" if rounded > 0 else "−" if rounded < 0 else "±"
    return f"{sign}{abs(rounded):.1f}{_SPACE}points"


def shares(interval: Interval) -> str:
    """Both ends of a share's interval, in percent: 78.9 to 84.1 %."""
    return f"{100 * interval.low:.1f} to {percent(interval.high)}"


def gains(interval: Interval) -> str:
    """Both ends of a gain's interval, in points: -0.6 to +3.5."""
    return " to ".join(points(end).removesuffix(f"{_SPACE}points") for end in (interval.low, interval.high))


def p_value(p: float) -> str:
    """p with two significant digits, or below which bound it lies: `p 0.032`, `p < 0.001`."""
    return f"p < {P_LEAST}" if p < P_LEAST else f"p {p:.2g}" if p < 0.995 else "p 1"


def count(number: int, noun: str = "") -> str:
    """A number and its noun: 3452, "sample" -> 3,452 samples."""
    return f"{number:,}" + (f"{_SPACE}{noun}{'' if number == 1 else 's'}" if noun else "")


def alpha(best: BestAlpha) -> str:
    """As few digits, but at least two, as name a value inside the plateau."""
    return f"{best.alpha:.{_digits_inside(best.alpha, best.low, best.high)}f}"


def plateau(best: BestAlpha | Mixture) -> str:
    """The plateau's ends with as many digits as its width needs, at most six."""
    digits = next((n for n in range(2, 6) if best.high - best.low >= 10**-n), 6)
    return f"{best.low:.{digits}f}–{best.high:.{digits}f}"


def weights(mixture: Mixture) -> dict[str, str]:
    """The weight of each modality, with the digits that name a value inside the plateau."""
    digits = _digits_inside(mixture.weights[mixture.towards], mixture.low, mixture.high)
    return {name: f"{weight:.{digits}f}" for name, weight in mixture.weights.items()}


def fused_formula(mixture: Mixture) -> str:
    """How the fused logits are made: `alpha × text + (1 − alpha) × image`, or with the weights as numbers."""
    if mixture.best_alpha is not None:
        first, second = mixture.weights
        return f"alpha × {second} + (1 − alpha) × {first}"
    return " + ".join(f"{weight} × {name}" for name, weight in weights(mixture).items())


def how_fused(mixture: Mixture) -> str:
    """How the weights were chosen, in a sentence."""
    if mixture.best_alpha is not None:
        return "Alpha: the exact accuracy curve on val, the middle of its widest best plateau."
    return (
        "Weights: exact accuracy curves on val, from the mixture towards each model in turn until none gains; "
        "the middle of the widest best plateau."
    )


def milliseconds(seconds: float | None) -> str:
    """Seconds a sample, as milliseconds with three significant digits."""
    if seconds is None:
        return NONE
    value = 1000 * seconds
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else _three_digits(value)


def megabytes(size: float) -> str:
    """Bytes as MB (a million bytes) with three significant digits; a dash where the size isn't known."""
    value = size / 1e6
    return NONE if not size else f"{value:,.0f}" if value >= 100 else _three_digits(value)


def cost(objective: str, value: float) -> str:
    """What a trial is worth in its second objective, with its unit."""
    return f"{megabytes(value)}{_SPACE}MB" if objective == SIZE else f"{milliseconds(value)}{_SPACE}ms a sample"


def duration(seconds: float) -> str:
    """Seconds as a duration: 42 s, 3 min 05 s, 2 h 07 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{_SPACE}s"
    if whole < 3600:
        return f"{whole // 60}{_SPACE}min{_SPACE}{whole % 60:02d}{_SPACE}s"
    return f"{whole // 3600}{_SPACE}h{_SPACE}{whole % 3600 // 60:02d}{_SPACE}min"


def cost_sentence(found: Sequence[Cost]) -> str:
    """What trials took, by kind, and what stopping early saved."""
    said = [
        f"{one.kind} {duration(one.seconds)} ({count(one.trials, 'trial')}"
        + (f", {count(one.epochs, 'epoch')})" if one.kind == TUNING else ")")
        + (f", {duration(one.gpu_seconds)} of it on a GPU" if one.gpu_seconds else "")
        for one in found
    ]
    if saved := sum(one.saved for one in found):
        said.append(f"stopping early saved {count(saved, 'epoch')} at most")
    return f"Cost of trials, one after the other: {'; '.join(said)}."


def times(ratio: float) -> str:
    """A ratio with two significant digits: 1.2 times."""
    return f"{ratio:.0f} times" if ratio >= 10 else f"{ratio:.1f} times"


def parameters(params: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Hyperparameters as (name, value), names with spaces, numbers with three significant digits."""
    return tuple((name.replace("_", " "), _value(value)) for name, value in sorted(params.items()))


def last_line(error: str | None) -> str:
    """What a traceback ends with; empty where there is none."""
    lines = (error or "").strip().splitlines()
    return lines[-1].strip() if lines else ""


def on_record(ended: Mapping[str, int]) -> str:
    """6 trials on record: 4 completed, 2 interrupted. While a study runs, that tells how many of its trials count."""
    found = ", ".join(f"{number} {reason}" for reason, number in ended.items() if number)
    return f"{count(sum(ended.values()), 'trial')} on record: {found}".replace(_SPACE, " ")


def baseline_notes(rows: Collection[str]) -> tuple[str, ...]:
    """What the rows are that stand beside the models', in a sentence each.

    `rows` are those of the results table. Raises UserError where one is of a modality that isn't registered.
    """
    heads = any(row.startswith(FROZEN) for row in rows)
    said = "Frozen: the best heads on features of networks that didn't learn, fitted before anything was fine-tuned."
    several = "Ensemble: several trials of each modality, the mean of their calibrated logits."
    notes = (
        several if ENSEMBLE in rows else "",
        *(_NOTES[row] for row in RICHER if row in rows),
        said if heads else "",
        _linear_note(rows),
    )
    return tuple(filter(None, notes))


def _linear_note(rows: Collection[str]) -> str:
    """What the linear baseline's rows are, in a sentence; empty where there are none."""
    own = [row.removeprefix(LINEAR) for row in rows if row.startswith(LINEAR) and row != linear_row(FUSED)]
    found = [f"on {modality_of(name).baseline_note or name}" for name in ordered(own)]
    return f"Linear: logistic regression {listed(found)}." if found else ""


def date(iso: str) -> str:
    """An ISO time in UTC, to the minute: 2026-01-31T12:00:05+00:00 -> 2026-01-31 12:00 UTC."""
    return f"{iso[:10]} {iso[11:16]} UTC" if iso[10:11] == "T" else iso


def _digits_inside(value: float, low: float, high: float) -> int:
    return next((n for n in range(2, 6) if low < round(value, n) < high), 6)


def _three_digits(value: float) -> str:
    """A number below 100 with three significant digits, zeros at its end too."""
    return f"{value:#.3g}"


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    return str(value)
