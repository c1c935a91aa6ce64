"""How wide a model's age distributions are, and whether they are wide where it errs."""

import numpy as np
import pandas as pd

from agegender_lib.evaluation.age_distributions import aligned, standard_deviation
from agegender_lib.evaluation.bootstrap import Statistic, estimates, mean_of
from agegender_lib.evaluation.tables import scores
from agegender_lib.runs.tables import check_predictions


def age_spread(predictions: pd.DataFrame, distributions: pd.DataFrame, resamples: int = 2000) -> pd.DataFrame:
    """How wide the predicted distributions are beside the errors, and whether they are wide where the errors are large.

    Parameters
    ----------
    predictions, distributions, resamples
        See ``age_intervals.age_coverage``.

    Returns
    -------
    DataFrame
        A row per measure: ``measure, value, low, high, n``. ``spread`` (root mean square of the standard deviations,
        years), ``rmse`` (root mean square of the errors, years), ``ratio`` (spread to rmse: 1 where a calibrated model
        without bias stands, below 1 too sure), ``rank_correlation`` (Spearman's, of the standard deviation and the
        absolute error: 0 where the spread knows nothing).

    Raises
    ------
    InputError
        See ``tables.check_predictions`` and ``age_distributions.aligned``.
    """
    check_predictions(predictions)
    spread = standard_deviation(*aligned(distributions, predictions))
    error = scores(predictions)["age_mae"].to_numpy()
    squares, errors = mean_of(spread**2), mean_of(error**2)
    statistics: dict[str, Statistic] = {
        "spread": lambda weights: np.sqrt(squares(weights)),
        "rmse": lambda weights: np.sqrt(errors(weights)),
        "ratio": lambda weights: np.sqrt(squares(weights) / errors(weights)),
        "rank_correlation": spearman_of(spread, error),
    }
    found = estimates(statistics, predictions["duplicate_group"].to_numpy(), resamples)
    rows = [(name, *each[:3], len(error)) for name, each in found.items()]
    return pd.DataFrame(rows, columns=["measure", "value", "low", "high", "n"])


def spearman_of(x: np.ndarray, y: np.ndarray) -> Statistic:
    """The statistic "Spearman's rank correlation of ``x`` and ``y``"; float [n].

    Tied values share their mean rank; NaN for a resample in which one of both does not vary.
    """
    ranked = []
    for values in (np.asarray(x), np.asarray(y)):
        order = np.argsort(values, kind="stable")
        found = values[order]
        ranked.append(
            (order, np.searchsorted(found, values, "left"), np.searchsorted(found, values, "right"))
        )

    def correlation(weights: np.ndarray) -> np.ndarray:
        total = weights.sum(axis=1, keepdims=True)
        centred = []
        for order, first, last in ranked:
            below = np.zeros((len(weights), weights.shape[1] + 1))
            below[:, 1:] = weights[:, order].cumsum(axis=1)
            ranks = (below[:, first] + below[:, last]) / 2
            centred.append(ranks - (weights * ranks).sum(axis=1, keepdims=True) / total)
        both, own_x, own_y = (
            (weights * centred[a] * centred[b]).sum(axis=1) for a, b in ((0, 1), (0, 0), (1, 1))
        )
        scale = np.sqrt(own_x * own_y)
        return np.divide(both, scale, out=np.full(len(weights), np.nan), where=scale > 0)

    return correlation
