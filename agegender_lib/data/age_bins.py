"""Age bands: the bins in which faces are stratified, counted and compared."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from agegender_lib.errors import InputError

AGE_BANDS = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70-79", "80+")
#: A band runs from its edge up to, but not including, the next one.
AGE_BAND_EDGES = (0, 3, 10, 20, 30, 40, 50, 60, 70, 80, np.inf)


def age_limits(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The youngest and oldest age, years, that each label allows, float64 [n]: a number itself, a range with both ends.

    Who is labelled 20-29 has had the 20th birthday and not the 30th: such a range goes from 20.0 to 30.0.

    >>> low, high = age_limits(pd.DataFrame({"age": [24.5, 8], "age_low": [20, 8], "age_high": [29, 8]}))
    >>> low.tolist(), high.tolist()
    ([20.0, 8.0], [30.0, 8.0])
    """
    if "age_low" not in table:
        age = table["age"].to_numpy(np.float64)
        return age, age
    low, high = (table[end].to_numpy(np.float64) for end in ("age_low", "age_high"))
    return low, np.where(low < high, high + 1, high)


def spread_ages(table: pd.DataFrame, count: int = 10) -> np.ndarray:
    """So many ages per label, years, float64 [count, n]: a number repeated, or ages spread evenly over a range.

    A range without an end goes as far beyond its typical age as that lies beyond its beginning.

    >>> spread_ages(pd.DataFrame({"age": [24.5, 8], "age_low": [20, 8], "age_high": [29, 8]}), 2).tolist()
    [[22.5, 8.0], [27.5, 8.0]]
    """
    low, high = age_limits(table)
    high = np.minimum(high, 2 * table["age"].to_numpy(np.float64) - low + 1) if "age_low" in table else high
    return low + (high - low) * (np.arange(count)[:, None] + 0.5) / count


def nearest_age(table: pd.DataFrame, age: ArrayLike) -> np.ndarray:
    """Of the ages that each label allows the nearest to ``age``, years, float64 [n]: how far that is off is the error.

    >>> nearest_age(pd.DataFrame({"age": [24.5, 24.5], "age_low": [20, 20], "age_high": [29, 29]}), [17, 26])
    array([20., 26.])
    """
    return np.clip(np.asarray(age, np.float64), *age_limits(table))


def age_band(ages: ArrayLike) -> pd.Categorical:
    """Put ages, in years, into bands: ordered, always with all of ``AGE_BANDS`` as categories.

    Examples
    --------
    >>> list(age_band([0, 2.9, 3, 116]))
    ['0-2', '0-2', '3-9', '80+']
    """
    years = np.asarray(ages, dtype=float)
    wrong = ~(years >= 0)
    if wrong.any():
        raise InputError(f"an age is {years[wrong][0]}, but only ages of 0 years and more have a band")
    return pd.cut(years, AGE_BAND_EDGES, right=False, labels=list(AGE_BANDS), ordered=True)
