"""What a study was made with."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from split_fakes import made_split

from search.study import provenance
from search.study.provenance import code_commit, data_facts, versions
from trainables.data.samples import Split


def test_versions_are_the_installed_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each package that is there, by name; one that isn't there is left out."""
    monkeypatch.setattr(provenance, "PACKAGES", ("torch", "ray", "no-such-package"))
    assert versions() == {"torch": version("torch"), "ray": version("ray")}


def git(folder: Path, *arguments: str) -> str:
    """Run git there."""
    who = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
    done = subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_commit_says_where_files_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clean checkout's commit; `-dirty` once a file of it was changed, not where one was added; else None."""
    source = tmp_path / "search" / "study" / "provenance.py"
    source.parent.mkdir(parents=True)
    source.write_text("1\n")
    monkeypatch.setattr(provenance, "__file__", str(source))
    assert code_commit() is None
    git(tmp_path, "init", "--quiet")
    assert code_commit() is None
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    (tmp_path / "study.yaml").touch()
    commit = code_commit()
    assert commit is not None
    assert re.fullmatch("[0-9a-f]{40}", commit)
    source.write_text("2\n")
    assert code_commit() == f"{commit}-dirty"


def test_data_are_known_by_their_digest(tmp_path: Path) -> None:
    """Samples, classes and a digest that another text changes."""

    def split(text: str) -> Split:
        return made_split(("row-1",), (text,), np.array([0]), (None,), ("Blue", "Green"))

    facts = data_facts({"train": split("bottle"), "val": split("can")})
    assert (facts["train"]["samples"], facts["train"]["classes"]) == (1, ["Blue", "Green"])
    assert facts["train"]["digest"] != facts["val"]["digest"]
    assert facts == data_facts({"train": split("bottle"), "val": split("can")})
