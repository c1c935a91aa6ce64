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
from agegender_lib.training.search.space import Space

#: A worker that says nothing for so many of its intervals is taken for dead.
SILENT_INTERVALS = 4


def open_study(name: str, storage: str | None, runs: Path, heartbeat: int, seed: int, epochs: int) -> optuna.Study:
    """The study of this name, new if there is none; ``epochs`` are those of one training."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = database_file(name, runs)
    beats = {"heartbeat_interval": heartbeat, "grace_period": SILENT_INTERVALS * heartbeat}
    # of two workers that make the tables at once, one would be refused
    with alone(path.with_suffix(".lock"), f"the database {path}", wait=60):
        return optuna.create_study(
            storage=database(name, storage, runs, heartbeat_stale_trial_callback=retry(), **beats),
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


def retry() -> optuna.storages.RetryHeartbeatStaleTrialCallback:
    """What queues the settings of a trial again that was stopped; not for ever, as they may kill their process."""
    return optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=5)


def database_file(name: str, runs: Path) -> Path:
    """Where a study lies that has no database of another URL."""
    if not re.fullmatch(r"[\w.-]+", name):
        raise InputError(f"the study's name is {name!r}: use letters, digits, '.', '_' and '-'")
    return (runs / "search" / f"{name}.db").resolve()


def database(name: str, storage: str | None, runs: Path, **options: Any) -> optuna.storages.RDBStorage:
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
