"""Distributions over ages: which belong to which predictions, quantiles, and whether they are wide where errors are."""

import numpy as np
import pandas as pd

from agegender_lib.errors import InputError
from agegender_lib.evaluation.statistics.bootstrap import Statistic, estimates, mean_of
from agegender_lib.evaluation.tables import scores
from agegender_lib.runs.tables import check_predictions

# Years by which the mean of a distribution may differ from the predicted age: both are rounded.
_TOLERANCE = 0.1


def aligned(distributions: pd.DataFrame, predictions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The distributions of the faces in a predictions table, in its order, checked to be the same model's.

    ``distributions`` are as ``inference.age_distributions`` returns them: a row per face, indexed by file, a column per
    age in years. Returned are the probabilities, float64 [n, ages], and the ages, float64 [ages].
    """
    missing = set(predictions["file"]) - set(distributions.index)
    if missing:
        raise InputError(
            f"{len(missing)} of {len(predictions)} faces, such as {min(missing)!r}, have no age distribution: compute "
            "the distributions of this very run"
        )
    ages = distributions.columns.to_numpy(dtype=np.float64)
    values = np.clip(distributions.loc[predictions["file"]].to_numpy(dtype=np.float64), 0, None)
    values = values / values.sum(axis=1, keepdims=True)
    apart = np.abs(values @ ages - predictions["age_predicted"].to_numpy()).max()
    if not apart <= _TOLERANCE:
        raise InputError(
            f"the age distributions' means are up to {apart:.1f} years from the predicted ages: they are another "
            "model's, so give those of the same run"
        )
    return values, ages


def quantiles(values: np.ndarray, ages: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The ages below which the given fractions of each distribution lie, in years; float64 [n, shares].

    The probability of a year is taken as spread evenly from half a year before it to half a year after it.

    >>> quantiles(np.array([[0.2, 0.6, 0.2]]), ages=np.array([20, 21, 22]), shares=np.array([0.5]))
    array([[21.]])
    """
    edges = np.append(ages - 0.5, ages[-1] + 0.5)
    below = np.concatenate([np.zeros((len(values), 1)), values.cumsum(axis=1)], axis=1)
    return np.stack([np.interp(shares, row, edges) for row in below])


def standard_deviation(values: np.ndarray, ages: np.ndarray) -> np.ndarray:
    """The standard deviation of each distribution, in years; float64 [n].

    >>> standard_deviation(np.array([[0.5, 0, 0.5]]), ages=np.array([20, 21, 22]))
    array([1.])
    """
    means = values @ ages
    return np.sqrt(np.clip(values @ ages**2 - means**2, 0, None))


def age_dispersion(predictions: pd.DataFrame, distributions: pd.DataFrame) -> pd.DataFrame:
    """How wide the predicted distributions are beside the errors, and whether they are wide where the errors are large.

    Returns
    -------
    DataFrame
        A row per measure: ``measure, value, low, high, n``. ``dispersion`` (root mean square of the standard
        deviations, years), ``rmse`` (of the errors, years), ``spread_error_ratio`` (dispersion to rmse: 1 where a
        calibrated model without bias stands, below 1 overconfident), ``rank_correlation`` (Spearman's, of the standard
        deviation and the absolute error: 0 where the spread knows nothing).
    """
    check_predictions(predictions)
    spread = standard_deviation(*aligned(distributions, predictions))
    error = scores(predictions)["age_mae"].to_numpy()
    squares, errors = mean_of(spread**2), mean_of(error**2)
    statistics: dict[str, Statistic] = {
        "dispersion": lambda weights: np.sqrt(squares(weights)),
        "rmse": lambda weights: np.sqrt(errors(weights)),
        "spread_error_ratio": lambda weights: np.sqrt(squares(weights) / errors(weights)),
        "rank_correlation": spearman_of(spread, error),
    }
    found = estimates(statistics, predictions["duplicate_group"])
    rows = [(name, *each[:3], len(error)) for name, each in found.items()]
    return pd.DataFrame(rows, columns=["measure", "value", "low", "high", "n"])


def spearman_of(x: np.ndarray, y: np.ndarray) -> Statistic:
    """The statistic "Spearman's rank correlation"; tied values share their mean rank, NaN where one does not vary."""

    def centred_ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        ranked = np.sort(values)
        first, last = np.searchsorted(ranked, values, "left"), np.searchsorted(ranked, values, "right")
        below = np.pad(weights[:, np.argsort(values, kind="stable")].cumsum(axis=1), ((0, 0), (1, 0)))
        ranks = (below[:, first] + below[:, last]) / 2
        return ranks - (weights * ranks).sum(axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True)

    def correlation(weights: np.ndarray) -> np.ndarray:
        a, b = centred_ranks(x, weights), centred_ranks(y, weights)
        both, own_x, own_y = ((weights * one * other).sum(axis=1) for one, other in ((a, b), (a, a), (b, b)))
        scale = np.sqrt(own_x * own_y)
        return np.divide(both, scale, out=np.full(len(weights), np.nan), where=scale > 0)

    return correlation
