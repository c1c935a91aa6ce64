"""Hyper-parameter search with Optuna: any number of workers share a study, and the trials of killed ones go on."""

import os
import socket
import time
import warnings
from collections import Counter
from pathlib import Path

import optuna
import pandas as pd
from optuna.trial import TrialState

from agegender_lib import folders
from agegender_lib.data import FaceSet
from agegender_lib.errors import InputError
from agegender_lib.files import write_csv
from agegender_lib.training.config import check_number
from agegender_lib.training.identity import run_name
from agegender_lib.training.search.objective import Objective
from agegender_lib.training.search.space import SPACE, Space, read_space, rounded
from agegender_lib.training.search.study import SILENT_INTERVALS, about, agree, database, database_file, open_study
from agegender_lib.training.train import split_as_configured

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
_PAUSE = 1.0
# What a trial is known by, and what stands for it where that is missing.
_FACTS = {"age_mae": None, "gender_accuracy": None, "epochs": None, "seconds": None, "run": "", "worker": ""}


def run_search(
    faces: FaceSet,
    space: Space | str | Path = SPACE,
    study: str | None = None,
    storage: str | None = None,
    trials: int = 20,
    runs: str | Path = folders.RUNS,
    seed: int = 1,
    weights: str | Path = "pretrained",
    heartbeat: int = 30,
) -> optuna.Study:
    """Work on a study until so many trials are finished, alone or beside other workers.

    Another worker is the same call in another process. What a trial minimises is ``VALUE_MEANING``, after its last
    epoch on the validation faces. An InputError says what of these cannot be used together.

    Parameters
    ----------
    faces : FaceSet
    space : Space, str or Path
        What to search, see :func:`read_space`.
    study : str, optional
        Its name; by default the model's.
    storage : str, optional
        Database URL; by default SQLite in ``<runs>/search/<study>.db``. Workers on several machines need a server's,
        such as ``postgresql://...``: SQLite's locks do not hold on a network drive.
    trials : int
        Finished trials, pruned ones among them, that all workers together come to; each may finish one more.
    runs : str or Path
        Folder of run folders. A killed trial goes on only where it finds its own.
    seed : int
        Of the suggestions; the runs' own is a setting of the space.
    weights : str or Path
        What ModelB starts from, see :func:`agegender_lib.training.train`.
    heartbeat : int
        Seconds between two signs of life. After four times as many without one, a trial is given to another worker.

    Returns
    -------
    optuna.Study
        Its table is also in ``<runs>/search/<study>.csv``.
    """
    space = space if isinstance(space, Space) else read_space(space)
    for key, value, least in (("trials", trials, 1), ("heartbeat", heartbeat, 1), ("the seed", seed, 0)):
        check_number(key, value, least, whole=True)
    # what cannot be trained is found here, before there is a study
    base = space.configure({})
    run_name(base, faces, weights)
    split_as_configured(base, faces.table)
    runs, name = Path(runs), study or space.model
    objective = Objective(space, faces, weights, runs, f"{socket.gethostname()}-{os.getpid()}")
    with warnings.catch_warnings():
        # heartbeats are new in Optuna
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        shared = open_study(name, storage, runs, heartbeat, seed, base.epochs)
        agree(shared, about(space, faces, weights))
        _work(shared, objective, trials, SILENT_INTERVALS * heartbeat, runs / "search" / f"{name}.csv")
    return shared


def load_search(study: str = "model_a", storage: str | None = None, runs: str | Path = folders.RUNS) -> optuna.Study:
    """A study as it is now, to look at while workers are at it, or after; an InputError if there is none."""
    file = database_file(study, Path(runs))
    try:
        if storage is None and not file.is_file():
            raise KeyError(study)
        return optuna.load_study(study_name=study, storage=database(study, storage, Path(runs)))
    except KeyError:
        where = "the database given as storage" if storage else file
        raise InputError(f"there is no study {study!r} in {where}: run the search first") from None


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


def _work(study, objective, trials, grace, csv):
    """Trial after trial, until enough are finished."""
    while not _enough(study, trials, grace):
        try:
            study.optimize(objective, n_trials=1, catch=(InputError,))
        except ValueError:
            # Optuna cannot keep the outcome of a trial that is another worker's now
            if not objective.given_away:
                raise
            objective.given_away = False
        write_csv(csv, search_table(study))
        last = study.get_trials(deepcopy=False)[-3:]
        if len(last) == 3 and all(t.state == TrialState.FAIL and t.user_attrs.get("note") for t in last):
            raise InputError(last[-1].user_attrs["note"])
    write_csv(csv, search_table(study))


def _enough(study, trials, grace):
    """Whether so many are finished. Where those that are running would do, first wait: their workers may be dead."""
    end = time.monotonic() + grace + 2  # databases count in whole seconds
    while True:
        optuna.storages.fail_stale_trials(study)
        states = Counter(trial.state for trial in study.get_trials(deepcopy=False))
        left = trials - sum(states[state] for state in FINISHED)
        waits = 0 < left <= states[TrialState.RUNNING] and not states[TrialState.WAITING]
        if not waits or time.monotonic() > end:
            return left <= 0
        time.sleep(_PAUSE)
