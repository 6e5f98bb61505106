"""MLflow's own UI over a study, in a real browser: what a person does with it works, on this machine alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser import HEIGHT, WIDTH, chromium, outside, requests_of, save_picture
from shown_study import make_study

from search.exports.listener import MlflowTracking
from search.ledger.state import StudyState
from trainables.records import StopReason

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

AGO = 1800.0  # seconds since the study began
COLUMNS = [
    "metrics.`best_val_accuracy`",
    "tags.`modality`",
    "tags.`stop_reason`",
    "tags.`epochs`",
    "metrics.`best_epoch`",
]
LINKS = "[role=gridcell] a[href*='/runs/']"
SET_COLUMNS = """(columns) => {
    const key = Object.keys(localStorage).find((name) => name.includes("ExperimentPage"));
    const state = {...JSON.parse(localStorage[key]), selectedColumns: columns, columnOrder: columns};
    localStorage[key] = JSON.stringify(state);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def state(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> StudyState:
    """What is on record of a study; MLflow has it, too. Only made where there is a browser."""
    study, layout, ledger = make_study(tmp_path_factory.mktemp("shown"), time.time() - AGO)
    assert MlflowTracking(study, layout, ledger).close(timeout=90).events_behind == 0
    return ledger.state


@pytest.fixture(scope="module")
def address(state: StudyState) -> Iterator[str]:
    """What `binwise ui` says and serves."""
    runs = state.study["runs"]
    command = ["-u", "-c", "from search.cli.main import main; main()", "ui", "--runs", runs, "--port", "27500"]
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    ui = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert ui.stdout is not None
        yield next(word for word in ui.stdout.readline().split() if word.startswith("http://127.0.0.1:"))
    finally:
        ui.send_signal(signal.SIGTERM)
        ui.wait(timeout=30)


@pytest.fixture(scope="module")
def remembered(browser: Browser, address: str) -> Any:
    """What MLflow remembers of a first visit: model training, chosen by a click, and the table's columns."""
    with visit(browser, address) as page:
        page.get_by_role("link", name="garbage").click()
        page.get_by_text("About this run").wait_for()
        page.get_by_role("radio", name="Model training").or_(page.get_by_text("Model training")).first.click()
        page.goto(address)
        page.locator(LINKS).first.wait_for()
        page.evaluate(SET_COLUMNS, COLUMNS)
        return page.context.storage_state()


@pytest.fixture
def page(browser: Browser, address: str, remembered: Any) -> Iterator[Page]:
    """The table of runs as that address opens it."""
    with visit(browser, address, remembered) as page:
        yield page
        assert page.get_by_text("Evaluation runs").count() == 0  # a page for agents


@contextmanager
def visit(browser: Browser, address: str, remembered: Any = None) -> Iterator[Page]:
    """A page whose requests all stay on this machine."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, storage_state=remembered)
    context.add_init_script("localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true')")
    page = context.new_page()
    page.set_default_timeout(30_000)
    asked = requests_of(page)
    page.goto(address)
    page.locator(LINKS).first.wait_for()
    yield page
    assert asked
    assert outside(asked) == []
    context.close()


def names(page: Page, count: int) -> list[str]:
    """The runs of the table once it has so many rows."""
    page.wait_for_function("([links, n]) => document.querySelectorAll(links).length === n", arg=[LINKS, count])
    return page.locator(LINKS).all_inner_texts()


def sort_by_accuracy(page: Page) -> None:
    """The best first: a flat table."""
    page.get_by_test_id("sort-header-best_val_accuracy").click()
    page.wait_for_url("**best_val_accuracy**")


def search(page: Page, words: str) -> None:
    """Typed into the search box."""
    box: Locator = page.get_by_test_id("search-box")
    box.fill(words)
    box.press("Enter")


def ended(state: StudyState, reason: StopReason) -> list[str]:
    """The trials that ended so."""
    return sorted(trial.trial_id for trial in state.trials.values() if trial.stop_reason == reason)


def cells(page: Page, column: str) -> list[str]:
    """A column's texts."""
    return page.locator(f'[role=gridcell][col-id="{column}"]').all_inner_texts()


def test_the_trials_lie_below_their_study(page: Page, state: StudyState) -> None:
    """The address opens on the study, and it opens to all its trials, each with its best val accuracy and its end."""
    assert names(page, 1) == ["garbage"]
    page.locator("[role=gridcell] button:has(svg)").first.click()
    study, *trials = names(page, 1 + len(state.trials))
    assert (study, sorted(trials)) == ("garbage", sorted(state.trials))
    stop_reasons = sorted(text for text in cells(page, COLUMNS[2]) if text != "-")
    assert stop_reasons == sorted(trial.stop_reason for trial in state.trials.values() if trial.stop_reason)
    page.locator('.ag-header-cell[col-id="metrics.`best_val_accuracy`"] .ag-header-cell-resize').dblclick()
    page.mouse.move(900, 20)
    save_picture(page, "mlflow.png")


def test_a_filter_shows_the_pruned_trials(page: Page, state: StudyState) -> None:
    """`tags.stop_reason = "pruned"`, typed into the search box, shows exactly these."""
    pruned = ended(state, StopReason.PRUNED)
    sort_by_accuracy(page)
    search(page, 'tags.stop_reason = "pruned"')
    assert sorted(names(page, len(pruned))) == pruned
    assert set(cells(page, COLUMNS[2])) == {"pruned"}


def test_ten_trials_side_by_side(page: Page) -> None:
    """Selected and compared: their searched values and best val accuracies in parallel coordinates, and in a table."""
    sort_by_accuracy(page)
    search(page, 'tags.modality = "image"')
    names(page, 12)
    for place in range(10):
        page.locator(".is-checkbox-cell .ag-checkbox-input").nth(place).click(force=True)
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("Comparing 10 Runs from 1 Experiment").wait_for()
    plot = page.locator(".plot-container").first
    plot.locator("canvas").first.wait_for()
    page.wait_for_function("() => document.querySelectorAll('.plot-container .axis-title').length === 4")
    axes = plot.locator(".axis-title").all_text_contents()
    assert axes == ["backbone_learning_rate", "head_learning_rate", "label_smoothing", "best_val_accuracy"]
    lines = (
        "() => [...document.querySelectorAll('.plot-container canvas')].some((one) => one.toDataURL().length > 9000)"
    )
    page.wait_for_function(lines)
    page.mouse.move(900, 20)
    save_picture(page, "mlflow_compare.png")


def test_a_trial_s_page(page: Page, state: StudyState) -> None:
    """How it ended in words, its parameters, tags and data set; its val accuracy as a curve with every epoch."""
    trial = state.trials["image_001"]
    sort_by_accuracy(page)
    page.get_by_role("link", name=trial.trial_id).click()
    best = trial.best
    assert best is not None
    page.get_by_text(f"after 12 epochs: best val accuracy {best.val_accuracy:.3f} at epoch {best.epoch}.").wait_for()
    text = page.locator("body").inner_text()
    for shown in ("garbage/Train", "modality", "stop_reason", "backbone_learning_rate", "Finished"):
        assert shown in text
    page.get_by_text("Model metrics", exact=True).click()
    page.get_by_placeholder("Search metric charts").fill("val_accuracy")
    page.get_by_text("val_accuracy", exact=True).first.wait_for()
    page.wait_for_function("(n) => document.querySelectorAll('.scatterlayer .point').length === n", arg=2 * 12)


def test_an_error_is_text(page: Page) -> None:
    """A failed trial's page has its traceback, as code."""
    search(page, 'tags.stop_reason = "failed"')
    sort_by_accuracy(page)
    assert names(page, 1) == ["image_005"]
    page.get_by_role("link", name="image_005").click()
    page.get_by_text("Failed", exact=False).first.wait_for()
    code: Any = page.locator("code", has_text="Input/output error")
    code.first.wait_for(state="attached")
