"""A first study as a file that says why each value is what it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from search.begin.sizes import Plan
from trainables.data.making.study_lines import yaml_text
from trainables.modality import Starter
from trainables.words import counted, human_seconds


def study_text(
    *,
    name: str,
    command: str,
    data: str,
    facts: Sequence[str],
    sections: Mapping[str, tuple[Starter, Plan]],
    budget: str,
) -> str:
    """The YAML; `data`: its lines that read the splits; `facts`: what was found of data and machine, a line each."""
    lines = [
        f"# Made by `{command}`. Run it:  binwise run {name}.yaml",
        "#",
        *(f"# {fact}" for fact in facts),
        "#",
        "# Heads on frozen features come first (search.heads: auto): minutes of work that fine-tuning must beat.",
        f"name: {name}",
        f"time_budget: {budget}  # the search ends with it, with whatever it has found",
        "",
        data,
        f"modalities: [{', '.join(sections)}]",
    ]
    for modality, (starter, plan) in sections.items():
        lines += ["", f"{modality}:", *_section(starter, plan)]
    return "\n".join(lines) + "\n"


def _section(starter: Starter, plan: Plan) -> list[str]:
    own = {**starter.own, **plan.scale, "max_epochs": plan.epochs, "patience": plan.epochs}
    trials = max(plan.trials, 1 + len(starter.points))
    grace = max(1, plan.epochs // 2)
    lines = [f"  {key}: {scalar(value)}{_why(starter.why.get(key))}" for key, value in own.items()]
    said = f"{counted(plan.trials, 'trial')} of about {_each(plan)} fit the time"
    lines += [
        "  search:",
        f"    trials: {trials}{_why(said)}",
        f"    startup_trials: {max(2, min(10, trials // 3))}",
        f"    scheduler: {{name: asha, grace: {grace}, factor: 3}}{_why('early epochs say little')}",
        "    space:",
        *(f"      {key}: {_flow(dimension)}" for key, dimension in starter.space.items()),
    ]
    if starter.points:
        lines += ["    points:", *(f"      - {_flow(point)}" for point in starter.points)]
    return lines


def _each(plan: Plan) -> str:
    return human_seconds(plan.seconds / max(plan.trials, 1))


def _why(text: str | None) -> str:
    return f"  # {text}" if text else ""


def _flow(mapping: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {scalar(value)}" for key, value in mapping.items()) + "}"


def scalar(value: Any) -> str:
    """A scalar of YAML; JSON's values are YAML's."""
    return yaml_text(value) if isinstance(value, str) else json.dumps(value)
