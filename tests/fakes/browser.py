"""Debian's chromium, driven; and where the README's pictures go."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PICTURES = "BINWISE_SCREENSHOTS"  # the environment variable that names their folder
WIDTH, HEIGHT = 1280, 800
LOOPBACK = ("127.0.0.1", "localhost")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; the test is skipped where there is none."""
    driver = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs chromium on the path (Debian's package of that name)")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def requests_of(page: Page) -> list[str]:
    """The addresses that a page asks for from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


def outside(addresses: Sequence[str]) -> list[str]:
    """Those that leave this machine."""
    parts = [(urlsplit(one), one) for one in addresses]
    return [one for split, one in parts if split.scheme not in ("data", "blob") and split.hostname not in LOOPBACK]


def save_picture(page: Page, name: str) -> None:
    """Into the folder of the pictures, where one is named."""
    if folder := os.environ.get(PICTURES):
        page.screenshot(path=Path(folder) / name)
