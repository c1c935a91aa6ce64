"""What a search minimises: a training that reports its epochs, and ends early where it falls behind."""

import math
from pathlib import Path

import keras
import optuna
import pandas as pd

from agegender_lib.data import FaceSet
from agegender_lib.errors import InputError
from agegender_lib.runs import HISTORY
from agegender_lib.training.identity import run_name
from agegender_lib.training.search.space import Space
from agegender_lib.training.search.study import retry
from agegender_lib.training.train import train

#: Years of age error that a percentage point of gender error is worth.
YEARS_PER_POINT = 0.2
VALUE_MEANING = f"age MAE + {YEARS_PER_POINT} years per point of gender error"


def objective_value(row: dict) -> float:
    """What a search minimises: age MAE + 0.2 years per percentage point of gender error, in years.

    On 1,000 faces, an age MAE of 5.5 years has a standard error of about 0.17 years and a gender error of 8 % one of
    0.86 points: at their ratio, 0.2, neither error's noise drowns the other. ``row`` is one of a run's history.
    """
    return row["val_age_mae"] + YEARS_PER_POINT * 100 * (1 - row["val_gender_accuracy"])


class Objective:
    """Trains what a trial suggests; settings that are trained already, or by another process now, once only.

    ``given_away`` says whether the last trial was given to another worker while this one slept.
    """

    def __init__(self, space: Space, faces: FaceSet, weights: str | Path, runs: Path, worker: str):
        self.space, self.faces, self.weights, self.runs, self.worker = space, faces, weights, runs, worker
        self.given_away = False

    def __call__(self, trial: optuna.Trial) -> float:
        trial.set_user_attr("worker", self.worker)
        try:
            return self._value(trial)
        except (InputError, optuna.TrialPruned) as problem:
            trial.set_user_attr("note", str(problem))
            print(f"trial {trial.number}: {problem}", flush=True)
            raise
        except KeyboardInterrupt:
            # Optuna tries again by itself only where a worker fell silent
            retry()(trial.study, trial.study.get_trials()[trial.number])
            raise
        except optuna.exceptions.UpdateFinishedTrialError:
            self.given_away = True
            raise
        finally:
            keras.utils.clear_session()

    def _value(self, trial):
        values = self.space.suggest(trial)
        config = self.space.configure(values)
        run = run_name(config, self.faces, self.weights)
        trial.set_user_attr("run", run)
        print(f"trial {trial.number}: " + ", ".join(f"{k} {v}" for k, v in values.items()), flush=True)
        # what a killed worker had finished is reported again, but not judged again
        before, reported = len(_history(self.runs / run)), set()

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
            train(config, self.faces, self.weights, self.runs, on_epoch=report, wait=math.inf)
        finally:
            history = _history(self.runs / run)
            if len(history):
                last = history.iloc[-1]
                facts = {"age_mae": float(last["val_age_mae"]), "epochs": len(history)}
                facts["gender_accuracy"] = float(last["val_gender_accuracy"])
                for key, value in {**facts, "seconds": float(history["seconds"].sum())}.items():
                    trial.set_user_attr(key, value)
        # a run folder that was finished before calls no report
        for row in history[~history["epoch"].isin(reported)].to_dict("records"):
            trial.report(objective_value(row), row["epoch"])
        value = objective_value(history.iloc[-1])
        print(f"trial {trial.number}: {value:.3f} years, gender error included", flush=True)
        return value


def _history(folder):
    path = folder / HISTORY
    return pd.read_csv(path) if path.is_file() else pd.DataFrame()
