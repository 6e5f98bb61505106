"""Which study is meant by what was typed: its name, its folder, or the YAML file that it was begun with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from trainables.errors import UserError

if TYPE_CHECKING:
    from search.study.config import StudyConfig
    from search.study.folder import Layout


def folder_of(given: str, runs: Path) -> Path:
    """The study's folder.

    Raises UserError where there is none, with the names that there are, or it is still being prepared.
    """
    from search.study.folder import Layout, find_study
    from search.study.lock import holder_of
    from search.study.yaml_file import load_study

    if given.endswith((".yaml", ".yml")) and Path(given).is_file():
        named = Layout.of(load_study(Path(given), []))
        given, runs = named.name, named.runs
    try:
        return find_study(given, runs)
    except UserError:
        holder = holder_of(Layout(runs.absolute(), given)) if Path(given).name == given else None
        if holder is None:
            raise
        raise UserError(
            f"A study is on record from its first trial on, but {given!r} is still being prepared by {holder}: wait "
            "for it, or end that process; nothing would be lost."
        ) from None


def layout_of(given: str, runs: Path) -> Layout:
    """The study's paths. Raises UserError as `folder_of`."""
    from search.study.folder import Layout

    folder = folder_of(given, runs)
    return Layout(folder.parent.parent, folder.name)


def recorded(given: str, runs: Path) -> tuple[StudyConfig, Path]:
    """The study's config and its folder. Raises UserError as `folder_of`, or where the config is torn."""
    from search.study.yaml_file import recorded_study

    folder = folder_of(given, runs)
    return recorded_study(folder), folder
