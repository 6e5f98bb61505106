"""How the report writes numbers and names: the same digits for the same kind of number everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from analysis.numbers.fusion import BestAlpha
from analysis.results import LINEAR_FUSED, LINEAR_IMAGE, LINEAR_TEXT, MAJORITY
from trainables.names import FUSED, IMAGE, LATENCY, SIZE, TEXT

NONE = "–"
_SPACE = "\u00a0"  # keeps a number and its unit on one line
_ROW_NAMES = {
    IMAGE: "Image",
    TEXT: "Text",
    FUSED: "Fused",
    LINEAR_IMAGE: "Linear: image",
    LINEAR_TEXT: "Linear: text",
    LINEAR_FUSED: "Linear: fused",
}
ROW_ORDER = (*_ROW_NAMES, MAJORITY)
CHEAP = {SIZE: "small", LATENCY: "fast"}
CHEAPER = {SIZE: "smaller", LATENCY: "faster"}
CHEAPEST = {SIZE: "smallest", LATENCY: "fastest"}


def row_name(row: str, majority: str) -> str:
    """A row of the results table as a person reads it; `majority` is the most frequent class's name."""
    return f"Always “{majority}”" if row == MAJORITY else _ROW_NAMES[row]


def percent(share: float | None) -> str:
    """0.8123 -> 81.2 %."""
    return NONE if share is None else f"{100 * share:.1f}{_SPACE}%"


def points(difference: float) -> str:
    """A difference of two shares: 0.019 -> +1.9 points."""
    rounded = round(100 * difference, 1) + 0.0  # no "-0.0"
    sign = "+" if rounded > 0 else "−" if rounded < 0 else "±"
    return f"{sign}{abs(rounded):.1f}{_SPACE}points"


def count(number: int, noun: str = "") -> str:
    """3452, "sample" -> 3,452 samples."""
    return f"{number:,}" + (f"{_SPACE}{noun}{'' if number == 1 else 's'}" if noun else "")


def alpha(best: BestAlpha) -> str:
    """As few digits, but at least two, as name a value inside the plateau."""
    digits = next((n for n in range(2, 6) if best.low < round(best.alpha, n) < best.high), 6)
    return f"{best.alpha:.{digits}f}"


def plateau(best: BestAlpha) -> str:
    """The plateau's ends with as many digits as its width needs, at most six."""
    digits = next((n for n in range(2, 6) if best.high - best.low >= 10**-n), 6)
    return f"{best.low:.{digits}f}–{best.high:.{digits}f}"


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
    """42 s, 3 min 05 s, 2 h 07 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{_SPACE}s"
    if whole < 3600:
        return f"{whole // 60}{_SPACE}min{_SPACE}{whole % 60:02d}{_SPACE}s"
    return f"{whole // 3600}{_SPACE}h{_SPACE}{whole % 3600 // 60:02d}{_SPACE}min"


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


def linear_note(rows: Iterable[str]) -> str:
    """What the linear baseline's rows are, in a sentence; empty where there are none."""
    kinds = {LINEAR_IMAGE: "frozen image features", LINEAR_TEXT: "the texts’ character n\u2011grams"}
    found = [kind for row, kind in kinds.items() if row in rows]
    return f"Linear: logistic regression on {' and on '.join(found)}." if found else ""


def date(iso: str) -> str:
    """2026-01-31T12:00:05+00:00 -> 2026-01-31 12:00 UTC."""
    return f"{iso[:10]} {iso[11:16]} UTC" if iso[10:11] == "T" else iso


def _three_digits(value: float) -> str:
    """A number below 100 with three significant digits, zeros at its end too."""
    return f"{value:#.3g}"


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    return str(value)
