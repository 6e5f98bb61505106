"""A study's status as a picture for a terminal. Texts from outside enter it as plain text, never as markup."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from search.ledger.ledger import Lag
from search.methods.stopping import Rung
from search.show.status import RUNNING, LastError, ModalityStatus, RunningTrial, Status, left_words
from trainables.records import StopReason
from trainables.words import counted, human_bytes, human_seconds, printable

COLOURS = {
    RUNNING: "cyan",
    StopReason.COMPLETED.value: "green",
    StopReason.DIVERGED.value: "yellow",
    StopReason.OOM.value: "yellow",
    StopReason.FAILED.value: "red",
    StopReason.LOST.value: "red",
}
NAME, BAR = 7, 24  # cells
WIDE = 96  # cells that the table of running trials needs as a whole
FEWEST_ROWS = 3  # running trials that are shown however low the terminal is


def status_picture(status: Status, width: int = 100, height: int = 40, *, hint: str | None = None) -> RenderableType:
    """The whole picture, no higher than `height` lines where that can be. `hint`: how to stop, its last line.

    Where `width` (cells) is small, what each trial uses of the memory is left out; the sum stands below.
    """
    above: list[RenderableType] = [_headline(status), Text("")]
    for modality in status.modalities:
        above += [*_modality_lines(modality), Text("")]
    below = [Text("", overflow="ellipsis"), *_foot(status, hint)] if status.running else _foot(status, hint)
    rows = max(FEWEST_ROWS, height - len(above) - len(below) - 3)
    return Group(*above, *_running_lines(status.running, rows, wide=width >= WIDE), *below)


def _headline(status: Status) -> Text:
    line = Text.assemble((printable(status.name), "bold"), "  ", (printable(status.words), _state_style(status)))
    line.append(f"  {human_seconds(status.elapsed)}", "bold")
    if left := left_words(status):
        line.append(f", {left}")
    if status.sessions > 1:
        line.append(f"  session {status.sessions}", "dim")
    if status.detail:
        line.append(f"  {printable(status.detail)}", "dim")
    return _one_line(line)


def _state_style(status: Status) -> str:
    if status.is_running:
        return "cyan"
    return "green" if status.state in ("finished", "target", "time_budget") else "yellow"


def _modality_lines(modality: ModalityStatus) -> list[RenderableType]:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=NAME - 1, no_wrap=True)
    table.add_column(width=BAR)
    table.add_column(justify="right", no_wrap=True, min_width=len(f"{modality.done}/{modality.planned}"))
    table.add_column(overflow="ellipsis", no_wrap=True)
    bar = ProgressBar(total=max(modality.planned, 1), completed=modality.done, complete_style="green")
    name = Text(printable(modality.modality), "bold")
    table.add_row(name, bar, Text(f"{modality.done}/{modality.planned}"), _best(modality))
    more = (_states(modality.states), *_rung_lines(modality.rungs))
    return [table, *(_one_line(Text(" " * (NAME + 1)).append_text(line)) for line in more)]


def _best(modality: ModalityStatus) -> Text:
    best = modality.best
    if best is None:
        return Text("no epoch has ended yet", "dim")
    value = (f"{best.val_accuracy:.3f}", "bold green")
    return Text.assemble("best val accuracy ", value, f"  {printable(best.trial)}, epoch {best.epoch}")


def _states(states: dict[str, int]) -> Text:
    parts = [Text(f"{count} {word}", COLOURS.get(word, "dim")) for word, count in states.items()]
    return Text("  ").join(parts)


def _rung_lines(rungs: Sequence[Rung]) -> list[Text]:
    """A line a bracket: how many trials each rung has compared, and from which val accuracy on the next one goes on."""
    lines = []
    several = len({rung.bracket for rung in rungs}) > 1
    for bracket, group in groupby((rung for rung in rungs if rung.entries), key=lambda rung: rung.bracket):
        parts = []
        for rung in group:
            cutoff = "" if rung.cutoff is None else f" (cutoff {rung.cutoff:.3f})"
            parts.append(f"epoch {rung.epoch}: {counted(rung.entries, 'trial')}{cutoff}")
        head = f"bracket {bracket + 1} rungs  " if several else "rungs  "
        lines.append(Text(head + "   ".join(parts), "dim"))
    return lines


def _running_lines(running: Sequence[RunningTrial], rows: int, *, wide: bool) -> list[RenderableType]:
    if not running:
        return []
    with_gpus = any(trial.gpus for trial in running)
    cells = [_running_cells(trial) for trial in running[:rows]]
    left_out = {*(() if wide else ("", "GPU mem.", "memory")), *(() if with_gpus else ("GPU", "GPU mem."))}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    names = [name for name in cells[0] if name not in left_out]
    for name in names:
        table.add_column(name, justify="left" if name in ("running", "") else "right", no_wrap=True)
    for row in cells:
        table.add_row(*(row[name] for name in names))
    more = len(running) - rows
    return [table, *([Text(f"and {more} more", "dim")] if more > 0 else [])]


def _running_cells(trial: RunningTrial) -> dict[str, RenderableType]:
    """What stands in a running trial's row, by the column's name."""
    name = Text(printable(trial.trial))
    if trial.attempt > 1:
        name.append(f" attempt {trial.attempt}", "dim")
    return {
        "running": name,
        "": ProgressBar(total=max(trial.max_epochs, 1), completed=trial.epoch, width=10, complete_style="cyan"),
        "epoch": Text(f"{trial.epoch}/{trial.max_epochs}"),
        "val accuracy": _accuracy(trial.val_accuracy),
        "best": _accuracy(trial.best_val_accuracy),
        "GPU": _share(trial.gpu_utilization, trial.gpus),
        "GPU mem.": _memory(trial.gpu_memory_bytes),
        "CPU": _share(trial.cpu_utilization, trial.cpus),
        "memory": _memory(trial.host_memory_bytes),
        "time": Text(human_seconds(trial.seconds)),
    }


def _accuracy(value: float | None) -> Text:
    return Text("–", "dim") if value is None else Text(f"{value:.3f}")


def _share(used: float, given: float) -> Text:
    return Text(f"{used:.0%}") if used and given else Text("–", "dim")


def _memory(count: int) -> Text:
    return Text(human_bytes(count)) if count else Text("–", "dim")


def _foot(status: Status, hint: str | None) -> list[RenderableType]:
    """What they use, the tracking's lag, the last error, how to stop: each one line, left out where there is none."""
    lines = [usage_line(status.running), lag_line(status.lag)]
    shown = [Text(line, "dim") for line in lines if line]
    if status.last_error is not None:
        shown.append(Text.assemble(("Last error  ", "red"), error_words(status.last_error)))
    if hint:
        shown.append(Text(hint, "dim"))
    return [_one_line(line) for line in shown]


def usage_line(running: Sequence[RunningTrial]) -> str:
    """What the running trials use of what they were given, by their last epochs; empty where nothing is known."""
    parts = []
    gpus = sum(trial.gpus for trial in running if trial.gpu_utilization)
    if gpus:
        share = sum(trial.gpu_utilization for trial in running) / gpus
        memory = sum(trial.gpu_memory_bytes for trial in running)
        parts.append(f"GPU {min(share, 1.0):.0%} of {counted_units(gpus, 'GPU')}, {human_bytes(memory)}")
    cpus = sum(trial.cpus for trial in running if trial.cpu_utilization)
    if cpus:
        share = sum(trial.cpu_utilization * trial.cpus for trial in running) / cpus
        parts.append(f"CPU {share:.0%} of {counted_units(cpus, 'core')}")
    memory = sum(trial.host_memory_bytes for trial in running)
    if memory:
        parts.append(f"memory {human_bytes(memory)}")
    return f"In use      {'   '.join(parts)}" if parts else ""


def counted_units(amount: float, noun: str) -> str:
    """`1 core`, `8 cores`, `1.25 GPUs`."""
    return counted(int(amount), noun) if amount == int(amount) else f"{amount:g} {noun}s"


def lag_line(lag: Lag | None) -> str:
    """How far the tracking store is behind; empty where it isn't."""
    if lag is None or (not lag.events_behind and not lag.last_error):
        return ""
    behind = f"{counted(lag.events_behind, 'event')}, {human_seconds(lag.seconds_behind)} behind"
    error = lag.last_error or ""
    why = f": {printable(error.splitlines()[0])}" if error.strip() else ""
    return f"Tracking    {behind}{why}"


def error_words(error: LastError) -> str:
    """Which trial, and the error's last line."""
    return f"{printable(error.trial)}: {printable(error.line)}"


def _one_line(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
