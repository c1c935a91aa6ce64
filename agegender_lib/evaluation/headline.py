"""The table everybody looks at first."""

from typing import Any

import numpy as np
import pandas as pd

from agegender_lib.evaluation.baselines import baselines, original_report
from agegender_lib.evaluation.metrics import summarise
from agegender_lib.runs import Run

#: What one gets without looking at the picture.
BASELINE = "median age, commoner gender"


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
