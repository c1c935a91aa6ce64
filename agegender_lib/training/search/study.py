"""The study that workers share: what it is about, its database, and how it draws and prunes trials."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import sqlalchemy

from agegender_lib.data import FaceSet
from agegender_lib.errors import InputError
from agegender_lib.lock import alone

from .space import Space

# A worker that says nothing for so many of its intervals is taken for dead.
SILENT_INTERVALS = 4
# Settings that kill their process (out of memory, say) would otherwise be tried for ever.
_RETRIES = 5


def open_study(
    name: str, storage: str | None, runs: Path, heartbeat: int, seed: int, epochs: int
) -> optuna.Study:
    """The study of this name, new if there is none; ``epochs`` are those of one training."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # Hyperband would split a few dozen trials of a dozen epochs into brackets of a few trials with a rung or two each.
    # A cosine schedule lets large learning rates look bad in the first third, so that nothing is judged there.
    pruner = optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=max(1, epochs // 3))
    path = database_file(name, runs)
    # of two workers that make the tables at once, one would be refused
    with alone(path.with_suffix(".lock"), f"the database {path}", wait=60):
        return optuna.create_study(
            storage=database(
                name,
                storage,
                runs,
                heartbeat_interval=heartbeat,
                grace_period=SILENT_INTERVALS * heartbeat,
                heartbeat_stale_trial_callback=retry(),
            ),
            sampler=SeededTPE(seed),
            pruner=pruner,
            study_name=name,
            load_if_exists=True,
        )


def about(space: Space, faces: FaceSet, weights: str | Path) -> dict[str, Any]:
    """What a study is about; its trials would not compare with those of another."""
    start = "none" if space.model == "model_a" else Path(weights).name
    return {"space": space.definition(), "faces": faces.fingerprint, "weights": start,
            "data": faces.name, "rendered": faces.rendered}  # fmt: skip


def differing(known: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """In what a study is not about what is wanted."""
    return [key for key in ("space", "faces", "weights") if known.get(key) != wanted[key]]


def agree(study: optuna.Study, wanted: dict[str, Any]) -> None:
    """Keep what the study is about with it.

    Raises
    ------
    InputError
        If the study was begun with another space, other faces or other weights.
    """
    if keys := differing({**wanted, **study.user_attrs}, wanted):
        raise InputError(
            f"the study {study.study_name!r} was begun with other {keys[0]}: give another study name"
        )
    for key, value in wanted.items():
        study.set_user_attr(key, value)


def retry() -> optuna.storages.RetryHeartbeatStaleTrialCallback:
    """What queues the settings of a trial again that was stopped."""
    return optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=_RETRIES)


def database_file(name: str, runs: Path) -> Path:
    """Where a study lies that has no database of another URL."""
    if not re.fullmatch(r"[\w.-]+", name):
        raise InputError(f"the study's name is {name!r}: use letters, digits, '.', '_' and '-'")
    return (runs / "search" / f"{name}.db").resolve()


def database(name: str, storage: str | None, runs: Path, **options: Any) -> optuna.storages.RDBStorage:
    """A study's database: that of a URL, or its file.

    Raises
    ------
    InputError
        If it cannot be used.
    """
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
