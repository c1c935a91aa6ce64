"""Hyper-parameter search with Optuna: any number of workers share a study, and the trials of killed ones go on."""

import math
import os
import socket
import time
import warnings
from pathlib import Path

import optuna
import pandas as pd
from optuna.trial import TrialState

from agegender_lib import folders
from agegender_lib.data import FaceSet
from agegender_lib.errors import InputError
from agegender_lib.files import write_csv

from ..train import split_as_configured, training_name
from .space import SPACE, Space, read_space, rounded
from .study import SILENT_INTERVALS, agree, load_search, open_study
from .trial import FINISHED, NotNow, Objective

__all__ = ["load_search", "run_search", "search_table"]

_PAUSE = 2.0


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

    Another worker is the same call in another process. What a trial minimises is
    :func:`agegender_lib.training.search.trial.objective_value` of its last epoch.

    Parameters
    ----------
    faces : FaceSet
    space : Space, str or Path
        What to search, see :func:`agegender_lib.training.search.space.read_space`.
    study : str, optional
        Its name; by default the model's.
    storage : str, optional
        Database URL; by default SQLite in ``<runs>/search/<study>.db``. Workers on several machines need a server's,
        such as ``postgresql://...``: SQLite's locks do not hold on a network drive.
    trials : int
        Finished trials, pruned ones among them, that all workers together come to.
    runs : str or Path
        Folder of run folders. A killed trial goes on only where it finds its own.
    seed : int
        Of the suggestions; the trainings' own is a setting of the space.
    weights : str or Path
        What ModelB starts from, see :func:`agegender_lib.training.train`.
    heartbeat : int
        Seconds between two signs of life. After four times as many without one, a trial is given to another worker.

    Returns
    -------
    optuna.Study
        Of ``trials`` finished trials. Its table is also in ``<runs>/search/<study>.csv``.

    Raises
    ------
    InputError
        If space, names or database cannot be used, or the study was begun with another space or other faces.
    """
    space = space if isinstance(space, Space) else read_space(space)
    for key, value in (("trials", trials), ("heartbeat", heartbeat)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{key} is {value!r}: give a whole number of at least 1")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"the search's seed is {seed!r}: give a whole number of at least 0")
    # what cannot be trained is found here, before there is a study
    base = space.configure({})
    training_name(base, faces, weights)
    split_as_configured(base, faces.table)
    runs, name = Path(runs), study or space.model
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    shared = open_study(name, storage, runs, heartbeat, seed, base.epochs)
    agree(shared, space, faces, weights)
    worker = f"{socket.gethostname()}-{os.getpid()}"
    objective = Objective(space, faces, weights, runs, trials, worker)
    _work(shared, objective, trials, SILENT_INTERVALS * heartbeat, runs / "search" / f"{name}.csv")
    return shared


def search_table(study: optuna.Study) -> pd.DataFrame:
    """A row per trial.

    Returns
    -------
    DataFrame
        trial (number), state (complete, pruned, skipped, failed, running or waiting), value (years, see
        :func:`agegender_lib.training.search.trial.objective_value`; a pruned trial's is of where it ended), age_mae
        (years) and gender_accuracy of the last epoch trained, on the validation faces, epochs, seconds (of training,
        over all attempts), run (the run folder's name), worker, resumes (the stopped trial it goes on with), note (why
        it ended early), and the searched settings by their paths.
    """
    columns = ["trial", "state", "value", "age_mae", "gender_accuracy", "epochs", "seconds", "run", "worker"]
    rows = [_row(trial) for trial in study.get_trials(deepcopy=False)]
    table = pd.DataFrame(rows, columns=None if rows else [*columns, "resumes", "note"])
    return table.astype({"epochs": "Int64", "resumes": "Int64"})


def _row(trial):
    known = trial.user_attrs
    state = "failed" if trial.state == TrialState.FAIL else trial.state.name.lower()
    earlier = trial.system_attrs.get("retry_history") or [known.get("resumed")]
    row = {
        "trial": trial.number,
        "state": "skipped" if state == "failed" and known.get("skipped") else state,
        "value": math.nan if trial.value is None else trial.value,
    }
    row |= {key: known.get(key, math.nan) for key in ("age_mae", "gender_accuracy", "epochs", "seconds")}
    row |= {key: known.get(key, "") for key in ("run", "worker")}
    row |= {"resumes": earlier[-1], "note": known.get("note", "")}
    for path, value in trial.params.items():
        drawn = trial.distributions[path]
        continuous = isinstance(drawn, optuna.distributions.FloatDistribution)
        row[path] = rounded(value, drawn.low, drawn.high) if continuous else value
    return row


def _work(study, objective, trials, grace, csv):
    """Trial after trial. Where all that are left are with other workers, wait: one of those may be killed."""
    skipped = refused = 0
    said = False
    while True:
        _give_up_silent(study, grace)
        states = [trial.state for trial in study.get_trials(deepcopy=False)]
        if sum(state in FINISHED for state in states) >= trials:
            break
        taken = sum(state != TrialState.FAIL for state in states)
        if taken >= trials and TrialState.WAITING not in states:
            if not said:
                print("other workers have the last trials: waiting, in case one is given up", flush=True)
            said = True
            time.sleep(_PAUSE)
            continue
        try:
            study.optimize(objective, n_trials=1, catch=(NotNow, InputError))
        except KeyboardInterrupt:
            _put_back(study, objective)
            raise
        except ValueError:
            # Optuna cannot keep the outcome of a trial that is another worker's now
            if not objective.taken_away:
                raise
        write_csv(csv, search_table(study))
        refused = refused + 1 if isinstance(objective.problem, InputError) else 0
        if refused == 3:
            raise objective.problem
        skipped = skipped + 1 if isinstance(objective.problem, NotNow) else 0
        if skipped:
            time.sleep(min(0.5 * 2**skipped, 60))
    write_csv(csv, search_table(study))


def _give_up_silent(study, grace):
    """Fail trials whose worker is gone, so that they are tried again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)
    # Optuna misses only whom it once heard; a worker killed right after drawing a number never gave a sign of life
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if "worker" not in trial.user_attrs and time.time() - trial.datetime_start.timestamp() > grace:
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)


def _put_back(study, objective):
    """Queue the trial that a user interrupted: Optuna retries only those whose worker fell silent."""
    trial = objective.trial
    if trial is None or objective.problem is not None:
        return
    if study.get_trials(deepcopy=False)[trial.number].state == TrialState.FAIL:
        study.enqueue_trial(trial.params, user_attrs={"resumed": trial.number})
