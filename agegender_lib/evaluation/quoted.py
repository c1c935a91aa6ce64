"""The numbers a report quotes from runs, under the names its placeholders use."""

from typing import Any

import numpy as np
import pandas as pd

from agegender_lib.evaluation.baselines import baselines, original_report
from agegender_lib.evaluation.bootstrap import LEVEL
from agegender_lib.evaluation.groups import errors_by
from agegender_lib.evaluation.metrics import compare, confusion, summarise
from agegender_lib.runs import Run

#: What one gets without looking at the picture.
BASELINE = "median age, commoner gender"


def quote_run(run: Run, layers: pd.DataFrame) -> dict[str, Any]:
    """What a report says about one training.

    Parameters
    ----------
    run : Run
    layers : DataFrame
        The model as `models.describe` lists it.

    Returns
    -------
    dict
        `validation` and `train`: by metric, value, low and high (95 % interval); `parameters`, `trainable`;
        `epochs`, `best_epoch` (least validation loss), `seconds_per_epoch`, `seconds`; `megabytes` of the model
        file; `weights_origin`; `settings`, as in the run's configuration.
    """
    history = run.history
    return {
        "run": run.name,
        "validation": _by_metric(summarise(run.validation)),
        "train": _by_metric(summarise(run.train)),
        "parameters": int(layers["parameters"].sum()),
        "trainable": int(layers["trainable"].sum()),
        "epochs": len(history),
        "best_epoch": int(history.loc[history["val_loss"].idxmin(), "epoch"]),
        "seconds_per_epoch": run.metrics["seconds_per_epoch"],
        "seconds": run.metrics["seconds"],
        "megabytes": run.metrics["file_bytes"] / 1e6,
        "weights_origin": run.metrics["weights_origin"],
        "pretrained": not run.metrics["weights_origin"].startswith("random"),
        "precision": run.metrics["precision"],
        "rounding_years": _rounding(run),
        "machine": run.provenance["machine"],
        "settings": run.config["training"],
    }


def quote_comparison(a: Run, b: Run, names: tuple[str, str] = ("ModelA", "ModelB")) -> dict[str, Any]:
    """What a report says about two models on the same validation images, b against a, and about simpler answers.

    ``names`` are what the report calls a and b.

    Returns
    -------
    dict
        `age` and `gender`: a, b, difference (b minus a), low, high, p; `decided` when the interval leaves out
        zero; `better`, a name. `baseline`: the constant answers. `original`: the original report's numbers. `right_a`,
        `right_b`: the shares of `men` and `women` that each model reads rightly. `level`: of all intervals.
    """
    found = compare(a.validation, b.validation).set_index("metric")
    quoted: dict[str, Any] = {"level": LEVEL, "images": len(a.validation)}
    for name, metric in (("age", "age_mae"), ("gender", "gender_accuracy")):
        row = found.loc[metric].to_dict()
        quoted[name] = row | {"decided": bool(row["low"] > 0 or row["high"] < 0)}
    quoted["age"]["better"] = names[quoted["age"]["difference"] < 0]
    quoted["gender"]["better"] = names[quoted["gender"]["difference"] > 0]
    quoted["baseline"] = _by_metric(baselines(a.train, a.validation))
    quoted["original"] = {
        model: dict(zip(rows["metric"], rows["value"], strict=True))
        for model, rows in original_report().groupby("model")
    }
    for key, run in (("a", a), ("b", b)):
        counts = confusion(run.validation)
        shares = counts.to_numpy().diagonal() / counts.sum(axis=1)
        quoted[f"right_{key}"] = {"men": shares["male"], "women": shares["female"]}
    return quoted


def quote_groups(run: Run) -> dict[str, Any]:
    """Where one model errs most and least, among groups of at least 30 validation images.

    Returns
    -------
    dict
        By grouping (age_band, gender, race): `worst_age`, `best_age`, `worst_gender`, `best_gender`, each with the
        group's name and value, and `youngest_bias`, `oldest_bias` (years) for age bands.
    """
    quoted: dict[str, Any] = {}
    for by in ("age_band", "gender", "race"):
        table = errors_by(run.validation, by)
        large = table[~table["small"]]
        large = large if len(large) else table
        quoted[by] = {}
        for name, measure, worst_is in (
            ("age", "age_mae", "idxmax"),
            ("gender", "gender_accuracy", "idxmin"),
        ):
            best_is = "idxmin" if worst_is == "idxmax" else "idxmax"
            for which, index in (("worst", worst_is), ("best", best_is)):
                row = large.loc[getattr(large[measure], index)()]
                quoted[by][f"{which}_{name}"] = {"group": str(row[by]), "value": float(row[measure])}
        if by == "age_band":
            quoted["youngest_bias"] = float(table["age_bias"].iloc[0])
            quoted["oldest_bias"] = float(table["age_bias"].iloc[-1])
            quoted["oldest"] = str(table["age_band"].iloc[-1])
    return quoted


def headline(runs: dict[str, Run]) -> pd.DataFrame:
    """The table everybody looks at first: a row per model, the original report's and the constant answers below.

    Returns
    -------
    DataFrame
        model, source, age_mae, age_low, age_high (years), gender_accuracy, gender_low, gender_high (0 to 1),
        images. An interval that a source does not give is missing.
    """
    rows = []
    for name, run in runs.items():
        rows.append(_row(name, "this work", _by_metric(summarise(run.validation)), len(run.validation)))
    for name, found in original_report().groupby("model"):
        values = {
            metric: {"value": value} for metric, value in zip(found["metric"], found["value"], strict=True)
        }
        rows.append(_row(name, "original report", values, int(found["n"].iloc[0])))
    first = next(iter(runs.values()))
    simple = _by_metric(baselines(first.train, first.validation))
    rows.append(_row("Constant answer", BASELINE, simple, len(first.validation)))
    return pd.DataFrame(rows)


def _row(name: str, source: str, values: dict, images: int) -> dict[str, Any]:
    age, gender = values["age_mae"], values["gender_accuracy"]
    return {
        "model": name,
        "source": source,
        "age_mae": age["value"],
        "age_low": age.get("low", np.nan),
        "age_high": age.get("high", np.nan),
        "gender_accuracy": gender["value"],
        "gender_low": gender.get("low", np.nan),
        "gender_high": gender.get("high", np.nan),
        "images": images,
    }


def _by_metric(summary: pd.DataFrame) -> dict[str, dict[str, float]]:
    return summary.set_index("metric")[["value", "low", "high"]].to_dict("index")


def _rounding(run: Run) -> float | None:
    """Years that rounding the saved weights costs on the validation images; None where they are exact."""
    exact = run.metrics.get("unrounded_validation")
    return None if exact is None else run.metrics["validation"]["age_mae"] - exact["age_mae"]
