"""What a search found as tables, kept beside the report: no database is needed to show it again."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.trial import TrialState

from agegender_lib import folders
from agegender_lib.data import FaceSet
from agegender_lib.errors import InputError
from agegender_lib.training.search.space import read_space, space_file
from agegender_lib.training.search.study import (
    FINISHED,
    VALUE_MEANING,
    about,
    database_file,
    differing,
    load_search,
    run_search,
    search_table,
)

#: Where `ReportFolder.save_search` of the committed report keeps one.
KEPT = folders.REPORT / "results" / "search"


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


def search_or_stored(faces: FaceSet, space: str | Path, trials: int, train_missing: bool = True) -> Search:
    """The search of this space and these faces that was begun or is kept, or one that is run now.

    Parameters
    ----------
    faces : FaceSet
    space : str or Path
        A file, or the name of one in `notebooks/studies/`, which is also the study's.
    trials : int
    train_missing : bool
        False trains nothing: what was not searched has no trials.
    """
    name, wanted = space_file(space).stem, read_space(space)
    subject = about(wanted, faces, "pretrained")
    begun = database_file(name, folders.RUNS).is_file()
    if begun and not train_missing:
        study = load_search(name, folders.RUNS)
        if not differing(study.user_attrs, subject):
            return found_by(study)
    if not (begun and train_missing) and (found := _read(KEPT, subject)):
        return found
    if train_missing:
        return found_by(run_search(faces, wanted, name, trials=trials, runs=folders.RUNS))
    return found_by(optuna.create_study(study_name=name), subject)


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


def _read(folder, subject):
    """The search that is kept, or None where it is another one or there is none."""
    if not (folder / "about.json").is_file():
        return None
    try:
        known = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        if differing(known, subject):
            return None
        trials, epochs, importances = (
            pd.read_csv(folder / f"{name}.csv", dtype={"note": str}).drop(columns="data")
            for name in ("trials", "epochs", "importances")
        )
        trials = trials.astype({"epochs": "Int64", "resumes": "Int64"}).fillna({"note": ""})
        return Search(known, trials, epochs[["trial", "epoch", "value"]], importances[["setting", "importance"]])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"the kept search {folder} cannot be read ({error}): delete it, or search again") from None
