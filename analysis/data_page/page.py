"""The page of a data check as one HTML file: nothing is loaded, no script runs, every foreign text is escaped."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis import report, wording
from analysis.data_page.view import PageView, page_view
from analysis.files import replace_file
from trainables.data_check.result import DataCheck
from trainables.words import human_bytes

# The report's style sheet is this page's too.
_TEMPLATES = [Path(__file__).parent / "templates", Path(report.__file__).parent / "templates"]


def write_page(path: Path, check: DataCheck) -> None:
    """Write the page of a check, whole or not at all. OSError where the place can't be written."""
    replace_file(path, render_page(page_view(check)).encode("utf-8", "backslashreplace"))


def render_page(view: PageView) -> str:
    """The page's text."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"wording": wording, "human_bytes": human_bytes}
    return environment.get_template("data_page.html.j2").render(view=view)
