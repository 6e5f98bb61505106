"""Whatever of `search` is imported first: Ray and MLflow find the environment as they need it, the user's own kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from search import environment

OWN = {"RAY_USAGE_STATS_ENABLED": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "3"}
LOOK_UP = """
import contextlib, importlib, importlib.abc, json, os, sys

class LookedUp(BaseException):
    pass

class FirstLookUp(importlib.abc.MetaPathFinder):
    seen = {}

    def find_spec(self, name, path=None, target=None):
        if name in ("ray", "mlflow"):
            self.seen.setdefault(name, dict(os.environ))
            raise LookedUp  # what would be imported now takes seconds and shows nothing more

sys.meta_path.insert(0, FirstLookUp())
for module in ("search.session.tune_executor", "search.exports.mlflow.store"):
    with contextlib.suppress(LookedUp):
        importlib.import_module(module)
print(json.dumps(FirstLookUp.seen))
"""


def test_ray_and_mlflow_are_first_looked_up_in_a_prepared_environment() -> None:
    """In a new interpreter that imports the modules that need them: all is set, and what the user has set stays."""
    bare = {name: value for name, value in os.environ.items() if name not in {**environment.RAY, **environment.MLFLOW}}
    done = subprocess.run(
        [sys.executable, "-c", LOOK_UP], check=True, env=bare | OWN, stdout=subprocess.PIPE, text=True
    )
    seen = json.loads(done.stdout.splitlines()[-1])
    expected = {**environment.RAY, **environment.MLFLOW, **OWN}
    assert {name: {key: found.get(key) for key in expected} for name, found in seen.items()} == {
        "ray": expected,
        "mlflow": expected,
    }


def test_preparing_again_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set stays, by whomever; what isn't is set."""
    monkeypatch.setenv("RAY_COLOR_PREFIX", "1")
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    environment.prepare()
    assert os.environ["RAY_COLOR_PREFIX"] == "1"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_whoever_runs_a_search_does_not_wait_for_torch() -> None:
    """Seconds at each start, and nothing of it is needed: workers have it."""
    code = "import sys, search.session.run; print(sorted({'torch', 'transformers', 'sklearn'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout == "[]\n"
