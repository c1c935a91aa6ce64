"""What a model got wrong of each face, from a table of its predictions."""

import numpy as np
import pandas as pd

from agegender_lib.data.age_bins import age_limits, nearest_age
from agegender_lib.errors import InputError

#: What models are judged by: years, and a fraction of 1.
MEASURES = ("age_mae", "gender_accuracy")


def check_same_images(a: pd.DataFrame, b: pd.DataFrame) -> None:
    """Raise InputError when two predictions tables, indexed by file, do not hold the same files."""
    strangers = a.index.symmetric_difference(b.index)
    if len(strangers):
        raise InputError(
            f"The two predictions tables hold different images ({len(strangers)} files, such as {strangers[0]!r}, are "
            "in one only): compare models trained with the same data and the same split."
        )


def predicted_gender(predictions: pd.DataFrame) -> np.ndarray:
    """Gender codes read from P(female): 1 (female) from 0.5 upwards, 0 (male) below; int64 [n].

    >>> from agegender_lib.runs import predictions_table
    >>> predicted_gender(predictions_table([30, 40], [31, 38], p_female=[0.49, 0.5]))
    array([0, 1])
    """
    return (predictions["p_female"].to_numpy() >= 0.5).astype(np.int64)


def scores(predictions: pd.DataFrame) -> pd.DataFrame:
    """What a model got wrong of each face; a mean over faces is the metric of that name.

    Returns
    -------
    DataFrame
        float64, a row per face under its index: ``age_mae`` (absolute error, years), ``age_bias`` (signed error, years;
        positive: predicted too old), ``gender_accuracy`` (1 where the gender is right, else 0; NaN where it is not
        labelled). Where labels are ranges, the error is the distance to the range, and ``age_in_range`` is 1 inside it,
        else 0, and NaN of labels that are numbers.

    >>> from agegender_lib.runs import predictions_table
    >>> scores(predictions_table([30, 40], [31, 38], gender=[0, 1], p_female=[0.1, 0.2]))
       age_mae  age_bias  gender_accuracy
    0      1.0       1.0              1.0
    1      2.0      -2.0              0.0
    """
    age = predictions["age_predicted"].astype(np.float64)
    error = age - nearest_age(predictions, age)
    right = (predicted_gender(predictions) == predictions["gender"]).astype(np.float64)
    right = right.where(predictions["gender"] >= 0)
    found = pd.DataFrame({"age_mae": error.abs(), "age_bias": error, "gender_accuracy": right})
    if "age_low" in predictions:
        low, high = age_limits(predictions)
        found["age_in_range"] = (age.between(low, high, inclusive="left")).astype(np.float64).where(low < high)
    return found
