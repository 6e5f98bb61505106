"""The report in a real browser: narrow and wide, light, dark and printed, with names that mean harm.

With `BINWISE_AXE`, the path of axe-core's `axe.min.js`, it is also checked for accessibility (`make page`).
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from analysis_fakes import study_folder, trial
from browser import chromium, requests_of
from modality_names import IMAGE, TEXT

from analysis import store
from analysis.pipeline import analyze, final_test
from analysis.report.report import write_report
from trainables.records import StopReason

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

AXE = os.environ.get("BINWISE_AXE")
MOST_BYTES = 8_000_000
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "$x$ and \\frac{1}{2}",
    "\u202etxt.exe \u0645\u0631\u062d\u0628\u0627",
    "x" * 300,
)
WIDER = """() => {
  const width = document.documentElement.clientWidth;
  const free = (one) => { for (let up = one.parentElement; up; up = up.parentElement)
    if (getComputedStyle(up).overflowX !== 'visible') return false; return true; };
  return [...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > width + 1
    && free(one)).map((one) => one.tagName + ': ' + one.textContent.slice(0, 60));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a study with hostile texts and hyperparameters, and 2,000 trials."""
    folder = tmp_path_factory.mktemp("study")
    fakes = study_folder(folder, (IMAGE, TEXT), {row: HOSTILE[row % len(HOSTILE)] for row in range(45)})
    analyze(folder, linear_baseline=True, models=fakes.models())
    final_test(folder, folder / "pictures", models=fakes.models())
    finding = {"level": "warning", "title": HOSTILE[1], "remedy": HOSTILE[4]}
    (folder / "data_check.json").write_text(json.dumps({"findings": [finding]}))
    reasons = [one for one in StopReason if one is not StopReason.FAILED]
    with (folder / "trials.jsonl").open("a") as trials:
        for number in range(10, 2000):
            params = {"learning_rate": number / 1e5, "batch_size": 8 << number % 4, "backbone": HOSTILE[number % 5]}
            accuracies = tuple(0.2 + (number % 37 + n) / 200 for n in range(1 + number % 12))
            reason = reasons[number % len(reasons)]
            one = trial(IMAGE if number % 2 else TEXT, number, accuracies, reason=reason, params=params)
            trials.write(dataclasses.replace(one, checkpoint=None).to_json() + "\n")
    return write_report(folder)[0]


def opened(browser: Browser, path: Path, width: int, scheme: Any) -> tuple[Page, list[str], list[str]]:
    """The page, what it complained of, and what it asked for."""
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    asked = requests_of(page)
    page.goto(path.as_uri())
    return page, complaints, [one for one in asked if not one.startswith(("data:", path.as_uri()))]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows_complains_or_is_asked_for(browser: Browser, report: Path, width: int, scheme: str) -> None:
    """Hostile names and 2,000 trials change nothing; the ground is as light or dark as the reader wants it."""
    page, complaints, asked = opened(browser, report, width, scheme)
    assert (complaints, asked) == ([], [])
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(WIDER) == []
    assert page.locator("script, iframe, object, [onerror]").count() == 0
    red = int(page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"))
    assert (red < 64) == (scheme == "dark")
    shown = page.locator("picture img").first.evaluate("one => one.currentSrc.length")
    source = "source" if scheme == "dark" else "img"
    attribute = "srcset" if scheme == "dark" else "src"
    assert shown == len(page.locator(f"picture {source}").first.get_attribute(attribute) or "")
    page.context.close()


def test_it_is_small_and_the_answers_fit_the_first_screen(browser: Browser, report: Path) -> None:
    """Below 8 MB with 2,000 trials; on a wide screen the first five answers need no scrolling."""
    assert report.stat().st_size < MOST_BYTES
    page, _, _ = opened(browser, report, 1280, "light")
    for key in ("deploy", "sure", "cost", "fusing", "tuning"):
        box = page.locator(f".answer.{key}").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 900
    page.context.close()


def test_it_prints(browser: Browser, report: Path, tmp_path: Path) -> None:
    """On white, nothing wider than the paper, also where the reader wants it dark."""
    page, _, _ = opened(browser, report, 720, "dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("picture img").first.evaluate("one => one.currentSrc === one.src")
    assert page.evaluate("document.documentElement.scrollWidth") == 720
    assert page.evaluate(WIDER) == []
    written = tmp_path / "report.pdf"
    page.pdf(path=written, prefer_css_page_size=True)
    assert written.read_bytes().startswith(b"%PDF")
    page.context.close()


@pytest.mark.skipif(AXE is None, reason="needs axe-core: `make page` gets it from npm")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(browser: Browser, scheme: str, tmp_path: Path) -> None:
    """Contrast, names, roles, tables: whatever axe-core calls serious or critical."""
    fakes = study_folder(tmp_path)
    analyze(tmp_path, linear_baseline=True, models=fakes.models())
    final_test(tmp_path, tmp_path / "pictures", models=fakes.models())
    assert store.read_final_test(tmp_path) is not None
    page = browser.new_context(bypass_csp=True, color_scheme=scheme).new_page()  # type: ignore[arg-type]
    page.goto(write_report(tmp_path)[0].as_uri())
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("async () => (await axe.run()).violations")
    serious = [
        (one["id"], [node["html"][:160] for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
    page.context.close()
