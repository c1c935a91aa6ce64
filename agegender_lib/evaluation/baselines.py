"""The table everybody looks at first, and what any model must beat: the constant baseline, and the original report."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from agegender_lib.evaluation.metrics import evaluate
from agegender_lib.runs import Run

#: What one gets without looking at the picture.
BASELINE = "median age, majority gender"


def headline(runs: Mapping[str, Run]) -> pd.DataFrame:
    """The table everybody looks at first: a row per model, the original report's and the constant baseline below.

    Returns
    -------
    DataFrame
        model, source, age_mae, age_low, age_high (years), gender_accuracy, gender_low, gender_high (0 to 1),
        images. An interval that a source does not give is missing.
    """
    tables = {(name, "this work"): evaluate(run.validation) for name, run in runs.items()}
    tables |= {(name, "original report"): table for name, table in original_report().groupby("model")}
    first = next(iter(runs.values()))
    tables["Constant baseline", BASELINE] = evaluate(constant_predictions(first.train, first.validation))
    rows = []
    for (name, source), table in tables.items():
        row = {"model": name, "source": source}
        for metric, short in (("age_mae", "age"), ("gender_accuracy", "gender")):
            found = table.set_index("metric").loc[metric]
            row |= {metric: found["value"], f"{short}_low": found["low"], f"{short}_high": found["high"]}
        rows.append(row | {"images": int(table["n"].iloc[0])})
    return pd.DataFrame(rows)


def constant_predictions(train: pd.DataFrame, validation: pd.DataFrame) -> pd.DataFrame:
    """``validation`` predicted without looking: the median age and the fraction of women of ``train`` for every image.

    The fraction, read at 0.5 as every P(female) is, names the majority gender.

    >>> from agegender_lib.runs import predictions_table
    >>> train, validation = predictions_table([20, 30, 90], [0, 0, 0]), predictions_table([50], [48])
    >>> constant_predictions(train, validation)["age_predicted"].tolist()
    [30.0]
    """
    return validation.assign(age_predicted=float(train["age"].median()), p_female=float(train["gender"].mean()))


def original_report() -> pd.DataFrame:
    """The validation results of the original report (2022), as far as it prints them; it gives no intervals.

    ModelA: its text (age at the best epoch, gender "close to 90 %"). ModelB: the best of the eight epochs it prints,
    separately for each metric.
    """
    values = [
        ("ModelA", "age_mae", 6.9),
        ("ModelA", "gender_accuracy", 0.90),
        ("ModelB", "age_mae", 8.4962),
        ("ModelB", "gender_accuracy", 0.9030),
    ]
    table = pd.DataFrame(values, columns=["model", "metric", "value"])
    return table.assign(low=np.nan, high=np.nan, n=1000, source="original report")


def beside_original(summaries: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Our results (model name to ``evaluate`` table) and the original report's in one tidy table, by ``source``."""
    ours = [summary.assign(model=model, source="this work") for model, summary in summaries.items()]
    table = pd.concat([*ours, original_report()], ignore_index=True)
    return table[["model", "source", "metric", "value", "low", "high", "n"]]
