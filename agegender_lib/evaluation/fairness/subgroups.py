"""Subgroup performance: metrics by age band, gender and race, and the largest single errors."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from agegender_lib.data.age_bins import age_band
from agegender_lib.data.filenames import GENDERS
from agegender_lib.data.label_values import race_names
from agegender_lib.errors import InputError
from agegender_lib.evaluation.statistics.bootstrap import Statistic, estimates, mean_of
from agegender_lib.evaluation.tables import scores
from agegender_lib.runs.tables import check_predictions

#: Below this age a picture hardly shows the gender.
GENDER_FROM = 3
_UNDER_3 = (f"below {GENDER_FROM}", f"{GENDER_FROM} and older")
GROUPINGS = ("age_band", "gender", "race", "under_3", "source")
#: Below this many images an interval says little, and tables and figures set the group apart.
LOW_SUPPORT = 30
# So many images, at most so many years away, make a running median.
_FEWEST, _WIDTH = 20, 5


def metrics_by_group(predictions: pd.DataFrame, by: str | Sequence[str]) -> pd.DataFrame:
    """Metrics of one model per group of people, with 95 % bootstrap intervals that keep duplicates together.

    They are grouped ``by`` "age_band", "gender", "race", "under_3" (below 3 years, where gender can hardly be seen, or
    older), "source" (of several sources that are one set), or several of them for every combination that occurs.

    Returns
    -------
    DataFrame
        One row per group, in the groups' own order: the grouping column(s) (ordered categoricals of names),
        ``count``; ``age_mae`` and ``age_bias`` (years; predicted minus true, so positive means predicted too old) and
        ``gender_accuracy``, where ages are ranges also ``age_in_range``, each with ``_low`` and ``_high``;
        ``low_support``, true below 30 images.
    """
    table = group_labels(predictions, by)
    by = list(table)
    measured, rows = scores(predictions), []
    for names, own in table.groupby(by, observed=True, sort=True).indices.items():
        names = names if len(by) > 1 else (names,)
        row = dict(zip(by, names, strict=True)) | {"count": len(own)}
        part = measured.iloc[own]
        quantities = {name: _mean_of_labelled(part[name]) for name in part}
        for measure, found in estimates(quantities, predictions["duplicate_group"].iloc[own]).items():
            row |= found.columns(measure)
        rows.append(row | {"low_support": len(own) < LOW_SUPPORT})
    return pd.DataFrame(rows).astype({name: table[name].dtype for name in by})


def _mean_of_labelled(score: pd.Series) -> pd.Series | Statistic:
    """A score whose mean is asked for: of the faces that are labelled, where others are not."""
    return mean_of(score.fillna(0), among=score.notna()) if score.isna().any() else score


def group_labels(predictions: pd.DataFrame, by: str | Sequence[str]) -> pd.DataFrame:
    """The group of people that each image belongs to: a column of names, ordered categoricals, per grouping ``by``.

    >>> from agegender_lib.runs import predictions_table
    >>> group_labels(predictions_table([2, 35], [4, 30], gender=[0, 1]), ["age_band", "gender"]).values.tolist()
    [['0-2', 'male'], ['30-39', 'female']]
    """
    by = [by] if isinstance(by, str) else list(by)
    if not by or not {*by} <= {*GROUPINGS}:
        raise InputError(f"Cannot group errors by {by}: choose one or several of {', '.join(GROUPINGS)}.")
    check_predictions(predictions)
    if "source" in by and "source" not in predictions:
        raise InputError("Cannot group errors by source: these faces are all from one.")
    keys = {
        "source": pd.Categorical(predictions.get("source", ()), ordered=True),
        "age_band": age_band(predictions["age"]),
        "gender": pd.Categorical.from_codes(predictions["gender"], categories=GENDERS, ordered=True),
        "race": race_names(predictions["race"]),
        "under_3": pd.Categorical.from_codes((predictions["age"] >= GENDER_FROM).astype(int), _UNDER_3, ordered=True),
    }
    return pd.DataFrame({name: keys[name] for name in by})


def largest_errors(predictions: pd.DataFrame, k: int = 12) -> pd.DataFrame:
    """The ``k`` images with the largest absolute age error, worst first, with ``age_error`` (years, signed).

    >>> from agegender_lib.runs import predictions_table
    >>> largest_errors(predictions_table([20, 30, 40], [22, 39, 41]), k=1)[["age", "age_predicted"]]
       age  age_predicted
    1   30           39.0
    """
    check_predictions(predictions, one_split=False)
    table = predictions.assign(age_error=scores(predictions)["age_bias"])
    return table.sort_values("age_error", key=np.abs, ascending=False, kind="stable").head(k)


def running_median(predictions: pd.DataFrame) -> pd.DataFrame:
    """What the model typically predicts at each true age: the middle of its predictions within five years.

    ``age``, ``median``, ``low`` and ``high`` (10th and 90th percentile of predicted age, years) and ``count``, for the
    true ages with at least 20 images at most five years away.
    """
    check_predictions(predictions)
    age, read = predictions["age"].to_numpy(), predictions["age_predicted"].to_numpy()
    rows = []
    for centre in range(int(age.min()), int(age.max()) + 1):
        near = read[np.abs(age - centre) <= _WIDTH]
        if len(near) >= _FEWEST:
            low, median, high = np.quantile(near, [0.1, 0.5, 0.9])
            rows.append((centre, median, low, high, len(near)))
    kinds = {"age": int, "median": float, "low": float, "high": float, "count": int}
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)  # numbers also where there are none
