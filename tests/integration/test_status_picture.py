"""What a terminal shows while a study runs, as a picture."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import chromium, save_picture
from rich.console import Console
from shown_study import RUNGS, make_study

from search.methods.stopping import Rung
from search.show.views import LiveView

if TYPE_CHECKING:
    from playwright.sync_api import Browser

UNTIL = 560.0  # seconds after which the picture is taken: half of the study
COLUMNS, ROWS = 100, 30


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    with chromium() as one:
        yield one


def test_the_terminal_as_a_picture(browser: Browser, tmp_path: Path) -> None:
    """In the middle of a study: both modalities, their rungs and what runs, as a browser draws it."""
    _, _, ledger = make_study(tmp_path, time.time() - UNTIL, until=UNTIL)
    state = ledger.state
    terminal = Console(file=io.StringIO(), force_terminal=True, width=COLUMNS, height=ROWS)
    view = LiveView(terminal, state, clock=lambda: state.created + UNTIL)
    view.rungs = lambda modality: [
        Rung(epoch, 0, sum(len(trial.epochs) >= epoch for trial in state.of(modality)), cutoff)
        for epoch, cutoff in RUNGS.items()
    ]
    recorder = Console(file=io.StringIO(), record=True, width=COLUMNS)
    recorder.print(view.picture())
    view.close()
    svg = recorder.export_svg(title="binwise search garbage.yaml", font_aspect_ratio=0.6)
    svg = svg.replace("Fira Code, monospace", "DejaVu Sans Mono, monospace").replace("Fira Code", "DejaVu Sans Mono")
    page = browser.new_page()
    page.set_content(f"<body style='margin:0'>{_without_links(svg)}</body>")
    words = page.locator("svg").text_content() or ""
    for shown in ("image", "text", "rungs", "running", "best val accuracy", "Ctrl-C stops"):
        assert shown in words.replace("\N{NO-BREAK SPACE}", " ")
    width, height = (float(part) for part in (page.locator("svg").get_attribute("viewBox") or "").split()[2:])
    page.set_viewport_size({"width": round(width), "height": round(height)})
    drawn = page.locator("svg").bounding_box()
    assert drawn is not None
    assert round(drawn["width"]) == round(width)
    save_picture(page, "status.png")


def _without_links(svg: str) -> str:
    """Fonts come from this machine."""
    start, end = svg.index("<style>"), svg.index(".terminal-", svg.index("<style>"))
    head, faces, rest = svg[: start + len("<style>")], svg[start + len("<style>") : end], svg[end:]
    assert "@font-face" in faces
    return head + rest
