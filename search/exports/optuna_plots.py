"""Optuna's own plots of a study's searches, as one HTML page: history, curves or front, slices, coordinates."""

from __future__ import annotations

import html
import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from search.exports.optuna_journal import open_journal
from trainables.data.files import replace_file

PLOTS_FILE = "optuna_plots.html"
TARGET = "val accuracy"
FEWEST_FOR_IMPORTANCE = 10  # complete trials; fewer say little
STYLE = "body{font-family:system-ui,sans-serif;margin:2rem}h1{font-size:1.2rem}"


def write_optuna_plots(folder: Path, journal: Path, study: str, modalities: Sequence[str]) -> Path:
    """The page, in the study's folder. It opens without a network: plotly's script is in it, once."""
    storage = open_journal(journal)
    parts: list[str] = []
    drawn = False  # whether the page has a plot already, and with it their library
    for modality in modalities:
        record = optuna.load_study(study_name=f"{study}/{modality}", storage=storage)
        parts.append(f"<h1>{html.escape(study)}: {modality}</h1>")
        if not record.get_trials(deepcopy=False):
            parts.append("<p>Nothing was fine-tuned.</p>")
            continue
        parts += [
            figure.to_html(full_html=False, include_plotlyjs=not drawn and number == 0)
            for number, figure in enumerate(_figures(record))
        ]
        drawn = True
    head = f"<meta charset='utf-8'><title>{html.escape(study)}</title><style>{STYLE}</style>"
    page = f"<!doctype html>{head}{''.join(parts)}"
    target = folder / PLOTS_FILE
    temporary = target.with_suffix(".part")
    temporary.write_text(page, "utf-8")
    temporary.replace(target)
    return target


def write_importances(target: Path, journal: Path, study: str, modalities: Sequence[str]) -> None:
    """How much of what tells good trials from others each hyperparameter has, by modality, and of how many trials.

    Shares that add up to 1, as the plot beside them has; nothing of a modality with too few trials.
    """
    storage, found = open_journal(journal), {}
    for modality in modalities:
        record = optuna.load_study(study_name=f"{study}/{modality}", storage=storage)
        trials = [
            one for one in record.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)) if len(one.params) > 1
        ]
        if len(trials) < FEWEST_FOR_IMPORTANCE:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            warnings.filterwarnings("ignore", message="PedAnovaImportanceEvaluator computes")
            shares = optuna.importance.get_param_importances(record, target=_negative if record.metric_names else None)
        found[modality] = {"trials": len(trials), "shares": {name: float(share) for name, share in shares.items()}}
    replace_file(target, json.dumps(found, indent=1).encode())


def _figures(study: optuna.Study) -> Iterator[Any]:
    """Those plots that the study has enough trials for; an importance says how many trials it rests on."""
    from optuna import visualization

    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    names = study.metric_names
    target = {"target": _first_value, "target_name": TARGET} if names else {"target_name": TARGET}
    # What makes trials good is asked for, and of a `target` Optuna takes the low values for good.
    loss = {"target": _negative} if names else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings("ignore", message="PedAnovaImportanceEvaluator computes")  # heeded: `loss`
        yield visualization.plot_optimization_history(study, **target)
        if names:
            yield visualization.plot_pareto_front(study, target_names=names)
        else:
            yield visualization.plot_intermediate_values(study)
        if any(trial.params for trial in complete):
            yield visualization.plot_slice(study, **target)
            yield visualization.plot_parallel_coordinate(study, **target)
        searched = [trial for trial in complete if len(trial.params) > 1]
        if len(searched) >= FEWEST_FOR_IMPORTANCE:
            figure = visualization.plot_param_importances(study, **(target | loss))
            yield figure.update_layout(title=f"Hyperparameter importances, from {len(searched)} complete trials")


def _first_value(trial: FrozenTrial) -> float:
    """Val accuracy, of trials with two values."""
    return float(trial.values[0])


def _negative(trial: FrozenTrial) -> float:
    return -_first_value(trial)
