"""Selective prediction: what a model gains when it may reject the faces it is least sure of (risk-coverage curves)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from agegender_lib.evaluation.statistics.bootstrap import Statistic, bootstrap, interval
from agegender_lib.evaluation.tables import scores
from agegender_lib.evaluation.uncertainty.age_distributions import aligned, standard_deviation
from agegender_lib.runs.tables import check_predictions

#: Below a tenth of the faces a curve is noise.
COVERAGES = tuple(round(share, 2) for share in np.arange(1, 0.09, -0.05).tolist())


def age_risk_coverage(predictions: pd.DataFrame, distributions: pd.DataFrame) -> pd.DataFrame:
    """Risk-coverage curve of the age: the error over the most confident faces, of the narrowest distributions.

    Returns
    -------
    DataFrame
        A row per fraction of the faces that is predicted: ``measure`` ("age_mae"), ``coverage`` (0 to 1), ``n``
        (faces); ``value`` (mean absolute error, years) with its 95 % interval ``low, high``; ``oracle``: were the faces
        sorted by their true errors; ``random_rejection``: the error of all; ``normalised_gain``: how far the value is
        from random towards oracle (0 to 1; negative: worse than random), missing where both are the same.
    """
    check_predictions(predictions)
    doubt = standard_deviation(*aligned(distributions, predictions))
    error = scores(predictions)["age_mae"].to_numpy()
    return _curve("age_mae", predictions, doubt, error, error)


def gender_risk_coverage(predictions: pd.DataFrame) -> pd.DataFrame:
    """Accuracy-coverage curve of the gender: over the faces with P(female) farthest from one half.

    As :func:`age_risk_coverage`, of accuracies (0 to 1). A temperature would change nothing.
    """
    check_predictions(predictions)
    doubt = -np.abs(predictions["p_female"].to_numpy(np.float64) - 0.5)
    right = scores(predictions)["gender_accuracy"].to_numpy()
    return _curve("gender_accuracy", predictions, doubt, right, 1 - right)


def mean_of_most_confident(values: np.ndarray, doubt: np.ndarray, shares: Sequence[float]) -> Statistic:
    """The statistic "mean of ``values`` over that fraction of the images with the least ``doubt``", for several shares.

    The image at the border counts in part. Equal doubts keep their order. Gives [resamples, shares].
    """
    order = np.argsort(doubt, kind="stable")
    ranked = np.asarray(values, dtype=np.float64)[order]

    def means(weights: np.ndarray) -> np.ndarray:
        drawn = weights[:, order]
        before = drawn.cumsum(axis=1) - drawn
        found = []
        for share in shares:
            room = share * weights.sum(axis=1)
            found.append(np.clip(room[:, None] - before, 0, drawn) @ ranked / room)
        return np.stack(found, axis=1)

    return means


def _curve(measure, predictions, doubt, values, loss):
    # files are sorted by name, which begins with the age: equally sure faces must not come in that order
    shuffled = np.random.default_rng(0).permutation(len(values))
    values, doubt, loss = values[shuffled], doubt[shuffled], loss[shuffled]
    group = predictions["duplicate_group"].to_numpy()[shuffled]
    statistic = mean_of_most_confident(values, doubt, COVERAGES)
    draws = bootstrap({"": statistic}, group)[""]
    one, whole = np.ones((1, len(values))), float(values.mean())
    oracles = mean_of_most_confident(values, loss, COVERAGES)(one)[0]
    rows = []
    for share, value, oracle, found in zip(COVERAGES, statistic(one)[0], oracles, draws.T, strict=True):
        low, high = interval(found)
        gain = (value - whole) / (oracle - whole) if share < 1 and oracle != whole else np.nan
        rows.append((measure, share, round(share * len(values)), value, low, high, oracle, whole, gain))
    columns = "measure coverage n value low high oracle random_rejection normalised_gain".split()
    return pd.DataFrame(rows, columns=columns)
