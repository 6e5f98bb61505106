"""The lines of a study's YAML that read a new data set."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from trainables.names import SPLIT_FOLDERS


def data_lines(
    destination: Path,
    *,
    lists: bool = False,
    columns: Mapping[str, str] | None = None,
    image_root: Path | None = None,
) -> str:
    """`data:` with the three splits: folders, or with `lists` CSVs; their columns and pictures where these are told."""
    splits = {name.lower(): destination / (f"{name.lower()}.csv" if lists else name) for name in SPLIT_FOLDERS}
    lines = ["data:", *(f"  {name}: {yaml_text(str(path))}" for name, path in splits.items())]
    if image_root is not None:
        lines.append(f"  image_root: {yaml_text(str(image_root))}")
    if columns:
        lines.append(f"  columns: {{{', '.join(f'{key}: {yaml_text(column)}' for key, column in columns.items())}}}")
    return "\n".join(lines)


def yaml_text(text: str) -> str:
    """A scalar of YAML; JSON's strings are YAML's."""
    return text if re.fullmatch(r"[A-Za-z_/.][A-Za-z0-9_./-]*", text) else json.dumps(text)
