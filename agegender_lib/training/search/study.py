"""Hyper-parameter search with Optuna: any number of workers share a study, and the trials of killed ones go on."""

import math
import os
import re
import socket
import time
import warnings
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import optuna
import pandas as pd
import sqlalchemy
from optuna.trial import TrialState

from agegender_lib import cluster, folders
from agegender_lib.data import FaceSet
from agegender_lib.errors import InputError
from agegender_lib.files import write_csv
from agegender_lib.lock import alone
from agegender_lib.runs import HISTORY
from agegender_lib.training.config import check_number
from agegender_lib.training.identity import run_name
from agegender_lib.training.search.remote import search_remotely
from agegender_lib.training.search.space import SPACE, Space, read_space, space_file
from agegender_lib.training.search.tables import FINISHED, YEARS_PER_POINT, Search, found_by, kept_search, search_table
from agegender_lib.training.train import split_as_configured, train

#: Seconds between two signs of life of a worker, and after how many without one its trial is given to another.
HEARTBEAT, GRACE = 30, 120
_PAUSE = 1.0


def run_search(
    faces: FaceSet,
    space: Space | str | Path = SPACE,
    study: str | None = None,
    storage: str | None = None,
    trials: int = 20,
    runs: str | Path = folders.RUNS,
    seed: int = 1,
    weights: str | Path = "pretrained",
    client: cluster.Client | None = None,
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
    client : distributed.Client, optional
        Of a Dask cluster, each of whose workers is then one of the search; they have to see ``runs``.

    Returns
    -------
    optuna.Study
        Its table is also in ``<runs>/search/<study>.csv``.
    """
    space = space if isinstance(space, Space) else read_space(space)
    check_number("trials", trials, 1, whole=True)
    check_number("the seed", seed, 0, whole=True)
    # what cannot be trained is found here, before there is a study
    base = space.configure({})
    run_name(base, faces, weights)
    split_as_configured(base, faces.table)
    runs, name = Path(runs), study or space.model
    objective = partial(_objective, space=space, faces=faces, weights=weights, runs=runs)
    with warnings.catch_warnings():
        # heartbeats are new in Optuna
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        shared = open_study(name, storage, runs, seed, base.epochs)
        agree(shared, about(space, faces, weights))
        if client:
            given = {"space": space, "study": name, "storage": storage, "trials": trials}
            search_remotely(client, shared, faces, given | {"runs": runs, "seed": seed, "weights": weights})
        else:
            _work(shared, objective, trials, runs / "search" / f"{name}.csv")
    return shared


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
    kept = None if begun and train_missing else kept_search()
    if kept and not differing(kept.about, subject):
        return kept
    if train_missing:
        return found_by(run_search(faces, wanted, name, trials=trials, runs=folders.RUNS))
    return found_by(optuna.create_study(study_name=name), subject)


def load_search(study: str = "model_a", runs: str | Path = folders.RUNS) -> optuna.Study:
    """A study as it is now, to look at while workers are at it, or after; an InputError if there is none."""
    file = database_file(study, Path(runs))
    if not file.is_file():
        raise InputError(f"there is no study {study!r} in {file}: run the search first")
    return optuna.load_study(study_name=study, storage=_database(study, None, Path(runs)))


def objective_value(row: dict) -> float:
    """What a search minimises: age MAE + 0.2 years per percentage point of gender error, in years.

    On 1,000 faces, an age MAE of 5.5 years has a standard error of about 0.17 years and a gender error of 8 % one of
    0.86 points: at their ratio, 0.2, neither error's noise drowns the other. ``row`` is one of a run's history.
    """
    return row["val_age_mae"] + YEARS_PER_POINT * 100 * (1 - row["val_gender_accuracy"])


def _objective(trial, space, faces, weights, runs):
    """Train what a trial suggests; settings that are trained already, or by another process now, once only."""
    trial.set_user_attr("worker", f"{socket.gethostname()}-{os.getpid()}")
    try:
        value = _trained(trial, space, faces, weights, runs)
        print(f"trial {trial.number}: {value:.3f} years, gender error included", flush=True)
        return value
    except (InputError, optuna.TrialPruned) as problem:
        trial.set_user_attr("note", str(problem))
        print(f"trial {trial.number}: {problem}", flush=True)
        raise
    except KeyboardInterrupt:
        # Optuna tries again by itself only where a worker fell silent
        _retry()(trial.study, trial.study.get_trials()[trial.number])
        raise
    finally:
        keras.utils.clear_session()


def _trained(trial, space, faces, weights, runs):
    values = {parameter.path: parameter.suggest(trial) for parameter in space.parameters}
    config = space.configure(values)
    run = run_name(config, faces, weights)
    trial.set_user_attr("run", run)
    print(f"trial {trial.number}: " + ", ".join(f"{k} {v}" for k, v in values.items()), flush=True)
    # what a killed worker had finished is reported again, but not judged again
    before, reported = len(_history(runs / run)), set()

    def report(row):
        value = objective_value(row)
        trial.report(value, int(row["epoch"]))
        reported.add(row["epoch"])
        if not math.isfinite(value):
            raise optuna.TrialPruned(f"diverged in epoch {row['epoch']}")
        # after the last epoch there is nothing left to save
        if before <= row["epoch"] < config.epochs and trial.should_prune():
            raise optuna.TrialPruned(f"pruned after epoch {row['epoch']}: behind the median")

    try:
        train(config, faces, weights, runs, on_epoch=report, wait=math.inf)
    finally:
        history = _history(runs / run)
        if len(history):
            last, seconds = history.iloc[-1], history["seconds"].sum()
            facts = {"age_mae": last["val_age_mae"], "gender_accuracy": last["val_gender_accuracy"]}
            for key, value in {**facts, "seconds": seconds}.items():
                trial.set_user_attr(key, float(value))
            trial.set_user_attr("epochs", len(history))
    # a run folder that was finished before calls no report
    for row in history[~history["epoch"].isin(reported)].to_dict("records"):
        trial.report(objective_value(row), row["epoch"])
    return objective_value(history.iloc[-1])


def _history(folder):
    path = folder / HISTORY
    return pd.read_csv(path) if path.is_file() else pd.DataFrame()


def _work(study, objective, trials, csv):
    """Trial after trial, until enough are finished."""
    while not _enough(study, trials):
        try:
            study.optimize(objective, n_trials=1, catch=(InputError,))
        except ValueError as problem:
            # that of a trial which was given to another worker while this one slept
            if "Cannot tell" not in str(problem):
                raise
        write_csv(csv, search_table(study))
        last = study.get_trials(deepcopy=False)[-3:]
        if len(last) == 3 and all(t.state == TrialState.FAIL and t.user_attrs.get("note") for t in last):
            raise InputError(last[-1].user_attrs["note"])
    write_csv(csv, search_table(study))


def _enough(study, trials):
    """Whether so many are finished. Where those that are running would do, first wait: their workers may be dead."""
    end = time.monotonic() + GRACE + 2  # databases count in whole seconds
    while True:
        optuna.storages.fail_stale_trials(study)
        states = Counter(trial.state for trial in study.get_trials(deepcopy=False))
        left = trials - sum(states[state] for state in FINISHED)
        waits = 0 < left <= states[TrialState.RUNNING] and not states[TrialState.WAITING]
        if not waits or time.monotonic() > end:
            return left <= 0
        time.sleep(_PAUSE)


def open_study(name: str, storage: str | None, runs: Path, seed: int, epochs: int) -> optuna.Study:
    """The study of this name, new if there is none; ``epochs`` are those of one training."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = database_file(name, runs)
    beats = {"heartbeat_interval": HEARTBEAT, "grace_period": GRACE, "heartbeat_stale_trial_callback": _retry()}
    # of two workers that make the tables at once, one would be refused
    with alone(path.with_suffix(".lock"), f"the database {path}", wait=60):
        return optuna.create_study(
            storage=_database(name, storage, runs, **beats),
            sampler=SeededTPE(seed),
            # Hyperband would split a few dozen trials of a dozen epochs into brackets of a few trials with a rung or
            # two each. A cosine schedule lets large learning rates look bad in the first third: not judged there.
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=max(1, epochs // 3)),
            study_name=name,
            load_if_exists=True,
        )


def about(space: Space, faces: FaceSet, weights: str | Path) -> dict[str, Any]:
    """What a study is about; its trials would not compare with those of another."""
    start = "none" if space.model == "model_a" else Path(weights).name
    subject = {"space": space.definition(), "faces": faces.fingerprint, "weights": start}
    return subject | {"data": faces.name, "rendered": faces.synthetic}


def differing(known: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """In what a study is not about what is wanted."""
    return [key for key in ("space", "faces", "weights") if known.get(key) != wanted[key]]


def agree(study: optuna.Study, wanted: dict[str, Any]) -> None:
    """Keep what the study is about with it; an InputError if it was begun with something else."""
    if keys := differing({**wanted, **study.user_attrs}, wanted):
        raise InputError(f"the study {study.study_name!r} was begun with other {keys[0]}: give another study name")
    for key, value in wanted.items():
        study.set_user_attr(key, value)


def _retry():
    """What queues the settings of a trial again that was stopped; not for ever, as they may kill their process."""
    return optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=5)


def database_file(name: str, runs: Path) -> Path:
    """Where a study lies that has no database of another URL."""
    if not re.fullmatch(r"[\w.-]+", name):
        raise InputError(f"the study's name is {name!r}: use letters, digits, '.', '_' and '-'")
    return (runs / "search" / f"{name}.db").resolve()


def _database(name, storage, runs, **options):
    """A study's database: that of a URL, or its file; an InputError if it cannot be used."""
    file = database_file(name, runs)
    url = storage or sqlalchemy.URL.create("sqlite", database=file.as_posix()).render_as_string()
    engine = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    try:
        return optuna.storages.RDBStorage(url, engine, **options)
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, ValueError, RuntimeError) as error:
        words = " ".join(str(error.__cause__ or error).split())[:200]
        # a URL may hold a password, so it is not told
        where = "given as storage" if storage else file
        raise InputError(
            f"the database {where} cannot be used ({words}): give the URL of one that SQLAlchemy can open"
        ) from None


class SeededTPE(optuna.samplers.TPESampler):
    """The tree-structured Parzen estimator (Bergstra et al. 2011), seeded for each trial by its number.

    A number is given to one trial only, so no two workers, and no worker that is started again, draw the same. The
    constant liar takes running trials for bad ones, so that two workers do not look in the same place.
    """

    def __init__(self, seed: int):
        super().__init__(constant_liar=True)
        self.seed = seed

    def before_trial(self, study, trial):
        mixed = np.random.SeedSequence([self.seed, trial.number]).generate_state(1)[0]
        super().__init__(seed=int(mixed), constant_liar=True)
        super().before_trial(study, trial)
