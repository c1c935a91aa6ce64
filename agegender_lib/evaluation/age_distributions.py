"""Reading distributions over ages: which rows belong to which predictions, quantiles, spread."""

import numpy as np
import pandas as pd

from agegender_lib.errors import InputError

# Years by which the mean of a distribution may differ from the predicted age: both are rounded.
_TOLERANCE = 0.1


def aligned(distributions: pd.DataFrame, predictions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The distributions of the faces in a predictions table, in its order, checked.

    Parameters
    ----------
    distributions
        As ``training.age_distributions`` returns them: a row per face, indexed by file, a column per age in years.
    predictions
        Rows of one split, see ``tables.PREDICTION_COLUMNS``.

    Returns
    -------
    tuple
        Probabilities, float64 [n, ages], rows summing to 1, and the ages, float64 [ages].

    Raises
    ------
    InputError
        When a face is missing, a row holds no probabilities, the columns are not whole years in order, or the means
        are not the predicted ages.
    """
    missing = set(predictions["file"]) - set(distributions.index)
    if missing:
        raise InputError(
            f"{len(missing)} of {len(predictions)} faces, such as {min(missing)!r}, have no age distribution: compute "
            "the distributions of this very run"
        )
    if distributions.index.has_duplicates:
        raise InputError("a face has two age distributions: keep one row per file")
    ages = distributions.columns.to_numpy(dtype=np.float64)
    if len(ages) < 2 or not (np.diff(ages) == 1).all():
        raise InputError("the age distributions' columns are not consecutive whole years: compute them again")
    values = distributions.loc[predictions["file"]].to_numpy(dtype=np.float64)
    if not ((values >= -1e-4).all() and np.allclose(values.sum(axis=1), 1, atol=1e-3)):
        raise InputError("the age distributions hold rows that do not sum to 1: compute them again")
    values = np.clip(values, 0, None)
    values = values / values.sum(axis=1, keepdims=True)
    apart = np.abs(values @ ages - predictions["age_predicted"].to_numpy()).max()
    if not apart <= _TOLERANCE:
        raise InputError(
            f"the age distributions' means are up to {apart:.1f} years from the predicted ages: they are another "
            "model's, so give those of the same run"
        )
    return values, ages


def quantiles(values: np.ndarray, ages: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The ages below which the given shares of each distribution lie, in years.

    The probability of a year is taken as spread evenly from half a year before it to half a year after it.

    Parameters
    ----------
    values, ages
        As :func:`aligned` returns them.
    shares
        float [shares], 0 to 1.

    Returns
    -------
    ndarray
        float64 [n, shares].
    """
    edges = np.append(ages - 0.5, ages[-1] + 0.5)
    below = np.concatenate([np.zeros((len(values), 1)), values.cumsum(axis=1)], axis=1)
    return np.stack([np.interp(shares, row, edges) for row in below])


def standard_deviation(values: np.ndarray, ages: np.ndarray) -> np.ndarray:
    """The standard deviation of each distribution, in years; float64 [n]."""
    means = values @ ages
    return np.sqrt(np.clip(values @ ages**2 - means**2, 0, None))
