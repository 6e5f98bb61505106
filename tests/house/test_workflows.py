"""The workflows: pinned actions, least permissions, and nothing that runs without end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

WORKFLOWS = sorted((Path(__file__).parents[2] / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"(?P<action>[\w-]+/[\w-]+)@(?P<commit>[0-9a-f]{40}) # (?P<version>v\d+\.\d+\.\d+)$")
WRITERS = {
    ("docs.yml", "deploy"): {"pages": "write", "id-token": "write"},
    ("release.yml", "github"): {"contents": "write"},
    ("release.yml", "pypi"): {"id-token": "write"},
}


def used(path: Path) -> Iterator[str]:
    """What a workflow's steps use, with the comment behind it; a workflow of this repository isn't pinned."""
    for line in path.read_text("utf-8").splitlines():
        found = re.match(r"\s*(?:- )?uses: (.+)$", line)
        if found and not found[1].startswith("./"):
            yield found[1]


def jobs_of(path: Path) -> dict[str, Any]:
    """A workflow's jobs by name."""
    return dict(YAML(typ="safe").load(path)["jobs"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_a_commit_whose_version_is_said(path: Path) -> None:
    """A tag can be moved to other code, a commit can't."""
    assert [one for one in used(path) if not PINNED.match(one)] == []


def test_an_action_has_one_version_in_all_workflows() -> None:
    """What is brought up to date is so everywhere."""
    pins = {PINNED.match(one) for path in WORKFLOWS for one in used(path)}
    versions = {(pin["action"], pin["commit"], pin["version"]) for pin in pins if pin}
    assert len(versions) == len({action for action, _, _ in versions}) > 0


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_job_may_write_only_where_that_is_what_it_is_for(path: Path) -> None:
    """All others read; no two runs of one branch deploy or publish at the same time; each job has an end."""
    workflow = YAML(typ="safe").load(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"]
    for name, job in jobs_of(path).items():
        assert job.get("permissions", {}) == WRITERS.get((path.name, name), {})
        assert "uses" in job or job["timeout-minutes"] <= 90


def test_what_runs_is_a_target_of_the_makefile() -> None:
    """Everything of substance can be run on one's own machine."""
    makefile = (Path(__file__).parents[2] / "Makefile").read_text("utf-8")
    steps = [step for path in WORKFLOWS for job in jobs_of(path).values() for step in job.get("steps", [])]
    targets = {found for step in steps for found in re.findall(r"\bmake (\w+)", step.get("run", ""))}
    assert {"check", "wheel", "test", "chaos", "docs", "notebooks"} == targets
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []
