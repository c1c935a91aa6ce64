"""What a search found as tables, kept beside the report: no database is needed to show it again."""

import json
from dataclasses import dataclass
from typing import Any

import optuna
import pandas as pd
from optuna.trial import TrialState

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.training.search.space import rounded

#: Where `ReportFolder.save_search` of the committed report keeps one.
KEPT = folders.REPORT / "results" / "search"
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
#: Years of age error that a percentage point of gender error is worth.
YEARS_PER_POINT = 0.2
VALUE_MEANING = f"age MAE + {YEARS_PER_POINT} years per point of gender error"
# What a trial is known by, and what stands for it where that is missing.
_FACTS = {"age_mae": None, "gender_accuracy": None, "epochs": None, "seconds": None, "run": "", "worker": ""}


@dataclass(frozen=True)
class Search:
    """What a search found.

    ``about`` has space (its definition, as JSON), faces (fingerprint), weights, data (name), rendered, and value, in
    words. ``trials`` are the finished ones, see :func:`search_table`, without who trained them, and when; ``epochs``
    has trial, epoch, value (years); ``importances`` setting (its path) and importance: its fraction of the difference
    between good and other trials (PED-ANOVA, Watanabe et al. 2023, IJCAI), without rows where fewer than four trials
    are complete.
    """

    about: dict[str, Any]
    trials: pd.DataFrame
    epochs: pd.DataFrame
    importances: pd.DataFrame


def search_table(study: optuna.Study, states: tuple[TrialState, ...] | None = None) -> pd.DataFrame:
    """A row per trial, or per trial in one of these states.

    Returns
    -------
    DataFrame
        trial (number), state (complete, pruned, failed, running or waiting), value (years, see ``VALUE_MEANING``; a
        pruned trial's is of where it ended), age_mae (years) and gender_accuracy of the last epoch trained, on the
        validation faces, epochs, seconds (of training, over all attempts), run (the run folder's name), worker, resumes
        (the stopped trial it goes on with), note (why it ended early), and the searched settings by their paths, as the
        training had them.
    """
    rows = []
    for trial in study.get_trials(deepcopy=False, states=states):
        state = "failed" if trial.state == TrialState.FAIL else trial.state.name.lower()
        row = {"trial": trial.number, "state": state, "value": trial.value}
        row |= {key: trial.user_attrs.get(key, missing) for key, missing in _FACTS.items()}
        row |= {"resumes": trial.system_attrs.get("failed_trial"), "note": trial.user_attrs.get("note", "")}
        for path, value in trial.params.items():
            kind = trial.distributions[path]
            real = isinstance(kind, optuna.distributions.FloatDistribution)
            row[path] = rounded(value, kind.low, kind.high) if real else value
        rows.append(row)
    columns = ["trial", "state", "value", *_FACTS, "resumes", "note"]
    table = pd.DataFrame(rows, columns=None if rows else columns)
    return table.astype({"value": float, "epochs": "Int64", "resumes": "Int64"})


def found_by(study: optuna.Study, subject: dict[str, Any] | None = None) -> Search:
    """The finished trials of a study as tables."""
    done = study.get_trials(deepcopy=False, states=FINISHED)
    epochs = [
        (trial.number, epoch, value) for trial in done for epoch, value in sorted(trial.intermediate_values.items())
    ]
    values = [trial.value for trial in done if trial.state == TrialState.COMPLETE]
    enough = len(values) >= 4 and len(set(values)) > 1
    shares = optuna.importance.get_param_importances(study) if enough else {}
    return Search(
        {**(subject or study.user_attrs), "value": VALUE_MEANING},
        search_table(study, FINISHED).drop(columns=["worker", "seconds"]),
        pd.DataFrame(epochs, columns=["trial", "epoch", "value"]),
        pd.DataFrame(shares.items(), columns=["setting", "importance"]),
    )


def kept_search() -> Search | None:
    """The search that is kept beside the report; None where there is none."""
    if not (KEPT / "about.json").is_file():
        return None
    try:
        known = dict(json.loads((KEPT / "about.json").read_text(encoding="utf-8")))
        trials, epochs, importances = (
            pd.read_csv(KEPT / f"{name}.csv", dtype={"note": str}).drop(columns="data")
            for name in ("trials", "epochs", "importances")
        )
        trials = trials.astype({"epochs": "Int64", "resumes": "Int64"}).fillna({"note": ""})
        return Search(known, trials, epochs[["trial", "epoch", "value"]], importances[["setting", "importance"]])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"the kept search {KEPT} cannot be read ({error}): delete it, or search again") from None
