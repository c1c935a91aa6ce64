"""What any model must beat: constant answers, and the numbers of the report this project reproduces."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from agegender_lib.evaluation.metrics import summarise
from agegender_lib.runs.tables import check_predictions


def constant_predictions(train: pd.DataFrame, validation: pd.DataFrame) -> pd.DataFrame:
    """``validation`` answered without looking: the median age and the share of women of ``train`` for every image.

    The share, read at 0.5 as every P(female) is, names the majority gender. Both tables need the columns of a
    predictions table; ``train`` only ``age`` and ``gender``.
    """
    return validation.assign(
        age_predicted=float(train["age"].median()), p_female=float(train["gender"].mean())
    )


def baselines(train: pd.DataFrame, validation: pd.DataFrame, resamples: int = 2000) -> pd.DataFrame:
    """Metrics of the constant answers, in the form of ``metrics.summarise``."""
    predictions = constant_predictions(train, validation)
    check_predictions(predictions)
    return summarise(predictions, resamples)


def original_report() -> pd.DataFrame:
    """The validation results of the original report (2022), as far as it prints them.

    Returns
    -------
    DataFrame
        ``model, metric, value, low, high, n, source``. ``low`` and ``high`` are NaN, for the report gives no intervals.
        ModelA: its text (age at the best epoch, gender "close to 90 %"). ModelB: the best of the eight epochs it
        prints, separately for each metric.
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
    """Our results (model name to ``summarise`` table) and the original report's in one tidy table.

    Returns
    -------
    DataFrame
        ``model, metric, value, low, high, n, source`` with ``source`` "this work" or "original report".
    """
    ours = [summary.assign(model=model, source="this work") for model, summary in summaries.items()]
    table = pd.concat([*ours, original_report()], ignore_index=True)
    return table[["model", "source", "metric", "value", "low", "high", "n"]]
