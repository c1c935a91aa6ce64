"""One trial of a search: a training that reports its epochs, is pruned, and shares its run folder with no other."""

import math
from pathlib import Path

import keras
import optuna
import pandas as pd
from optuna.trial import Trial, TrialState

from agegender_lib.data import FaceSet
from agegender_lib.errors import InputError
from agegender_lib.lock import Busy, alone
from agegender_lib.runs import HISTORY

from ..train import train, training_name
from .space import Space

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
# Years of age error that a percentage point of gender error is worth.
YEARS_PER_POINT = 0.2
VALUE_MEANING = f"age MAE + {YEARS_PER_POINT} years per point of gender error"


def objective_value(row: dict) -> float:
    """What a search minimises: age MAE + 0.2 years per percentage point of gender error, in years.

    On 1,000 faces, an age MAE of 5.5 years has a standard error of about 0.17 years and a gender error of 8 % one of
    0.86 points: at their ratio, 0.2, neither error's noise drowns the other.

    Parameters
    ----------
    row : dict
        Of a run's history, with ``val_age_mae`` (years) and ``val_gender_accuracy`` (share).
    """
    return row["val_age_mae"] + YEARS_PER_POINT * 100 * (1 - row["val_gender_accuracy"])


class NotNow(Exception):
    """This trial is not worth training; the reason is its message."""


class Objective:
    """Trains what a trial suggests.

    Parameters
    ----------
    space : Space
    faces : FaceSet
    weights : str or Path
    runs : Path
    trials : int
        How many the study may have.
    worker : str

    Attributes
    ----------
    trial : Trial or None
        The last one.
    problem : Exception or None
        Why the last trial ended without a value.
    taken_away : bool
        Whether the last trial was given to another worker while this one slept.
    """

    def __init__(
        self, space: Space, faces: FaceSet, weights: str | Path, runs: Path, trials: int, worker: str
    ):
        self.space, self.faces, self.weights, self.runs = space, faces, weights, runs
        self.trials, self.worker = trials, worker
        self.trial: Trial | None = None
        self.problem: Exception | None = None
        self.taken_away = False

    def __call__(self, trial: Trial) -> float:
        self.trial, self.problem, self.taken_away = trial, None, False
        try:
            return self._noted(trial)
        except optuna.exceptions.UpdateFinishedTrialError:
            self.taken_away = True
            print(f"trial {trial.number}: silent for too long, so it was given away", flush=True)
            raise
        finally:
            keras.utils.clear_session()

    def _noted(self, trial):
        trial.set_user_attr("worker", self.worker)
        trial.set_user_attr("note", "")
        try:
            return self._value(trial)
        except (NotNow, InputError, optuna.TrialPruned) as problem:
            self.problem = problem
            trial.set_user_attr("note", str(problem))
            trial.set_user_attr("skipped", isinstance(problem, NotNow))
            print(f"trial {trial.number}: {problem}", flush=True)
            raise

    def _value(self, trial):
        others = [other for other in trial.study.get_trials(deepcopy=False) if other.number != trial.number]
        # two workers may both have seen the last place free; the lower number has it
        before = sum(o.state != TrialState.FAIL for o in others if o.number < trial.number)
        if before >= self.trials:
            raise NotNow(f"the study has its {self.trials} trials already")
        values = self.space.suggest(trial)
        config = self.space.configure(values)
        run = training_name(config, self.faces, self.weights)
        trial.set_user_attr("run", run)
        print(f"trial {trial.number}: " + ", ".join(f"{k} {v}" for k, v in values.items()), flush=True)
        for other in trial.study.get_trials(deepcopy=False):
            if other.user_attrs.get("run") != run or other.number == trial.number:
                continue
            if other.state == TrialState.COMPLETE:
                return self._same_as(trial, other)
            if other.state == TrialState.RUNNING and other.number < trial.number:
                raise NotNow(f"trial {other.number} is training the same settings")
        # the study knows who trains what, but takes a worker that slept for dead
        with alone(self.runs / "search" / "locks" / f"{run}.lock", f"the training {run}", math.inf):
            return self._trained(trial, config, self.runs / run)

    def _same_as(self, trial, other):
        for key in ("age_mae", "gender_accuracy", "epochs", "seconds"):
            trial.set_user_attr(key, other.user_attrs.get(key, math.nan))
        trial.set_user_attr("note", f"same settings as trial {other.number}")
        return other.value

    def _trained(self, trial, config, folder):
        # what a killed worker had finished is reported again, but not judged again
        done = len(_history(folder))
        reported = set()

        def report(row):
            value = objective_value(row)
            trial.report(value, int(row["epoch"]))
            reported.add(row["epoch"])
            if not math.isfinite(value):
                raise optuna.TrialPruned(f"diverged in epoch {row['epoch']}")
            # after the last epoch there is nothing left to save
            if done <= row["epoch"] < config.epochs and trial.should_prune():
                raise optuna.TrialPruned(f"pruned after epoch {row['epoch']}: behind the median")

        try:
            train(config, self.faces, self.weights, self.runs, on_epoch=report)
        except Busy as busy:
            raise NotNow(str(busy)) from None
        finally:
            history = _history(folder)
            if len(history):
                self._keep(trial, history)
        # a run folder that was finished before calls no report
        for row in history.to_dict("records"):
            if row["epoch"] not in reported:
                trial.report(objective_value(row), row["epoch"])
        value = objective_value(history.iloc[-1])
        print(f"trial {trial.number}: {value:.3f} years, gender error included", flush=True)
        return value

    def _keep(self, trial, history):
        last = history.iloc[-1]
        trial.set_user_attr("age_mae", float(last["val_age_mae"]))
        trial.set_user_attr("gender_accuracy", float(last["val_gender_accuracy"]))
        trial.set_user_attr("epochs", len(history))
        trial.set_user_attr("seconds", float(history["seconds"].sum()))


def _history(folder):
    path = folder / HISTORY
    return pd.read_csv(path) if path.is_file() else pd.DataFrame()
