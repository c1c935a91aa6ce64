"""The study that workers share: its database, and how it draws and prunes trials."""

import re
import time
import warnings
from pathlib import Path

import numpy as np
import optuna
import sqlalchemy

from agegender_lib import folders
from agegender_lib.data import FaceSet
from agegender_lib.errors import InputError

from .space import Space

# A worker that says nothing for so many of its intervals is taken for dead.
SILENT_INTERVALS = 4
# Settings that kill their process (out of memory, say) would otherwise be tried for ever.
_RETRIES = 5


def open_study(
    name: str, storage: str | None, runs: Path, heartbeat: int, seed: int, epochs: int
) -> optuna.Study:
    """The study of this name, new if there is none.

    Parameters
    ----------
    name : str
    storage : str or None
        Database URL; None is SQLite in ``<runs>/search/<name>.db``.
    runs : Path
    heartbeat : int
        Seconds between a worker's signs of life.
    seed : int
        Of the suggestions.
    epochs : int
        Of one training.

    Raises
    ------
    InputError
        If the name or the database cannot be used.
    """
    url = _url(name, storage, runs)
    if storage is None:
        database_file(name, runs).parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        retry = optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=_RETRIES)
    database = _database(
        url,
        heartbeat_interval=heartbeat,
        grace_period=SILENT_INTERVALS * heartbeat,
        heartbeat_stale_trial_callback=retry,
    )
    # Hyperband would split a few dozen trials of a dozen epochs into brackets of a few trials with a rung or two each.
    # A cosine schedule lets large learning rates look bad in the first third, so that nothing is judged there.
    pruner = optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=max(1, epochs // 3))
    return optuna.create_study(
        storage=database,
        sampler=SeededTPE(seed),
        pruner=pruner,
        study_name=name,
        direction="minimize",
        load_if_exists=True,
    )


def load_search(
    study: str = "model_a", storage: str | None = None, runs: str | Path = folders.RUNS
) -> optuna.Study:
    """A study as it is now, to look at while workers are at it, or after.

    Raises
    ------
    InputError
        If there is no such study.
    """
    url = _url(study, storage, Path(runs))
    none = InputError(f"there is no study {study!r} in {_public(url)}: run the search first")
    if storage is None and not database_file(study, Path(runs)).is_file():
        raise none
    try:
        return optuna.load_study(study_name=study, storage=_database(url))
    except KeyError:
        raise none from None


def agree(study: optuna.Study, space: Space, faces: FaceSet, weights: str | Path) -> None:
    """Keep what the study is about with it.

    Raises
    ------
    InputError
        If the study was begun with another space, other faces or other weights: its trials would not compare.
    """
    wanted = {
        "space": space.definition(),
        "faces": faces.fingerprint,
        "weights": "none" if space.model == "model_a" else Path(weights).name,
    }
    for key, value in wanted.items():
        if study.user_attrs.get(key, value) != value:
            raise InputError(
                f"the study {study.study_name!r} was begun with other {key}: give another study name"
            )
    for key, value in {**wanted, "data": faces.name, "rendered": faces.rendered}.items():
        study.set_user_attr(key, value)


class SeededTPE(optuna.samplers.BaseSampler):
    """The tree-structured Parzen estimator (Bergstra et al. 2011), seeded for each trial by its number.

    A number is given to one trial only, so no two workers, and no worker that is started again, draw the same. The
    constant liar takes running trials for bad ones, so that two workers do not look in the same place.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int):
        self.seed = seed
        self.inner = self._fresh(0)

    def _fresh(self, number):
        mixed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        return optuna.samplers.TPESampler(seed=mixed, constant_liar=True)

    def before_trial(self, study, trial):
        self.inner = self._fresh(trial.number)
        self.inner.before_trial(study, trial)

    def infer_relative_search_space(self, study, trial):
        return self.inner.infer_relative_search_space(study, trial)

    def sample_relative(self, study, trial, search_space):
        return self.inner.sample_relative(study, trial, search_space)

    def sample_independent(self, study, trial, param_name, param_distribution):
        return self.inner.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study, trial, state, values):
        self.inner.after_trial(study, trial, state, values)


def database_file(name: str, runs: Path) -> Path:
    """Where a study lies that has no database of another URL."""
    return (runs / "search" / f"{name}.db").resolve()


def _url(name, storage, runs):
    if not re.fullmatch(r"[\w.-]+", name):
        raise InputError(f"the study's name is {name!r}: use letters, digits, '.', '_' and '-'")
    return (
        storage
        or sqlalchemy.URL.create("sqlite", database=database_file(name, runs).as_posix()).render_as_string()
    )


def _database(url, **options):
    engine = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    for attempt in range(5):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                return optuna.storages.RDBStorage(url, engine, **options)
        except (sqlalchemy.exc.DBAPIError, optuna.exceptions.StorageInternalError) as error:
            # two workers that start at once both make the tables, and one of them is refused
            problem = error.__cause__ or error
            time.sleep(0.1 * 2**attempt)
        except (sqlalchemy.exc.ArgumentError, ImportError, ValueError, RuntimeError) as error:
            problem = error
            break
    words = " ".join(str(problem).split())[:200]
    raise InputError(
        f"the database {_public(url)} cannot be used ({words}): give the URL of one that SQLAlchemy can open"
    )


def _public(url):
    """The URL without its password."""
    return re.sub(r"//([^:/@]*):[^@]*@", r"//\1:***@", url)
