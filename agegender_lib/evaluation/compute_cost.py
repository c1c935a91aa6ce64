"""Compute cost: what a training cost, what it gave, and how steadily it got there: a row per model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from agegender_lib.runs import Run


def training_costs(runs: Mapping[str, Run]) -> pd.DataFrame:
    """Size, time, results and fluctuation of several runs, side by side.

    Returns
    -------
    DataFrame
        model, parameters, megabytes (of the file), epochs, seconds_per_epoch, train_images_per_second (the
        epoch's validation included in the time), predict_images_per_second (of the finished model; missing where an
        older run did not note it), minutes (of all epochs), train_age_mae, age_mae (years), train_gender_accuracy,
        gender_accuracy (0 to 1), age_fluctuation (years) and gender_fluctuation (0 to 1), see :func:`fluctuation`.
    """
    return pd.DataFrame([{"model": name} | _costs(run.metrics, run.history) for name, run in runs.items()])


def _costs(metrics: dict, history: pd.DataFrame) -> dict[str, float]:
    return {
        "parameters": int(metrics["parameters"]),
        "megabytes": metrics["file_bytes"] / 1e6,
        "epochs": len(history),
        "seconds_per_epoch": metrics["seconds_per_epoch"],
        "train_images_per_second": metrics["train"]["images"] / metrics["seconds_per_epoch"],
        # what the published runs call it
        "predict_images_per_second": metrics.get("images_per_second", np.nan),
        "minutes": metrics["seconds"] / 60,
        "train_age_mae": metrics["train"]["age_mae"],
        "age_mae": metrics["validation"]["age_mae"],
        "train_gender_accuracy": metrics["train"]["gender_accuracy"],
        "gender_accuracy": metrics["validation"]["gender_accuracy"],
        "age_fluctuation": fluctuation(history, "val_age_mae"),
        "gender_fluctuation": fluctuation(history, "val_gender_accuracy"),
    }


def fluctuation(history: pd.DataFrame, column: str) -> float:
    """How far a validation curve jumps from one epoch to the next, the trend left out.

    The standard deviation that successive differences imply, sqrt(mean(d^2) / 2), is that of independent errors
    around any slow trend (von Neumann et al. 1941). Differences within the last stage count, and where it has at least
    four epochs only those of its second half; NaN where it has one epoch only.
    """
    last = history[history["stage"].astype(str) == str(history["stage"].iloc[-1])][column].to_numpy(float)
    if len(last) >= 4:
        last = last[len(last) // 2 - 1 :]
    differences = np.diff(last)
    return float(np.sqrt(np.mean(differences**2) / 2)) if len(differences) else float("nan")


def training_facts(run: Run, layers: pd.DataFrame) -> dict[str, Any]:
    """What a training was and took, for a report's text.

    Returns
    -------
    dict
        `run`, its name; `parameters`, `trainable` (of `layers`, as `models.summary` lists them); `epochs`,
        `best_epoch` (least validation loss), `seconds_per_epoch`, `seconds`; `megabytes` of the model file;
        `weights_origin`, `pretrained`; `precision`, `machine`; `rounding_years`, by which rounding the saved weights
        changed the validation age error (None where they are exact); `settings`, as in the run's configuration.
    """
    history, metrics = run.history, run.metrics
    exact = metrics.get("unrounded_validation")
    return {
        "run": run.name,
        "parameters": int(layers["parameters"].sum()),
        "trainable": int(layers["trainable"].sum()),
        "epochs": len(history),
        "best_epoch": int(history.loc[history["val_loss"].idxmin(), "epoch"]),
        "seconds_per_epoch": metrics["seconds_per_epoch"],
        "seconds": metrics["seconds"],
        "megabytes": metrics["file_bytes"] / 1e6,
        "weights_origin": metrics["weights_origin"],
        "pretrained": not metrics["weights_origin"].startswith("random"),
        "precision": metrics["precision"],
        "rounding_years": None if exact is None else metrics["validation"]["age_mae"] - exact["age_mae"],
        "machine": run.provenance["machine"],
        "settings": run.config["training"],
    }
