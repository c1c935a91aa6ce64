"""Age bands: the bins in which faces are stratified, counted and compared."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from agegender_lib.errors import InputError

AGE_BANDS = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70-79", "80+")
#: A band runs from its edge up to, but not including, the next one.
AGE_BAND_EDGES = (0, 3, 10, 20, 30, 40, 50, 60, 70, 80, np.inf)


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
