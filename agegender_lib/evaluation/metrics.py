"""How good one model is, and whether another is better: the numbers of the report, each with its interval."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    confusion_matrix,
    mean_absolute_error,
    median_absolute_error,
    precision_score,
    recall_score,
    roc_auc_score,
    root_mean_squared_error,
)

from agegender_lib.data.bands import age_band
from agegender_lib.data.filenames import GENDERS
from agegender_lib.errors import InputError
from agegender_lib.evaluation.bootstrap import Statistic, auc_of, bootstrap, interval, mean_of, median_of
from agegender_lib.evaluation.tables import check_predictions, check_same_images, predicted_gender


def summarise(predictions: pd.DataFrame, seed: int = 0, resamples: int = 2000) -> pd.DataFrame:
    """All metrics of one model on one split, with 95 % bootstrap intervals that keep duplicates together.

    Parameters
    ----------
    predictions
        Rows of one split, see ``tables.PREDICTION_COLUMNS``.
    seed, resamples
        Seed and number of the bootstrap's draws.

    Returns
    -------
    DataFrame
        One row per metric: ``metric, value, low, high, n``. ``age_mae``, ``age_median_error``, ``age_rmse`` and
        ``age_balanced_mae`` (mean over the age bands of each band's MAE: every band counts alike, however few its
        faces) are in years. ``share_within_5`` (absolute age error of at most 5 years, the literature's CS@5),
        ``gender_accuracy``, ``gender_balanced_accuracy`` (mean of both genders' recall), ``gender_precision`` and
        ``gender_recall`` (of "female"), ``gender_auc`` and ``gender_brier`` (mean squared error of P(female), Brier
        1950; 0 is best) are in 0 to 1. A metric of gender is NaN where the images or the answers lack what it needs:
        AUC and balanced accuracy both genders, recall a woman, precision an answer "female".

    Raises
    ------
    InputError
        See ``tables.check_predictions``.
    """
    check_predictions(predictions)
    age, read = predictions["age"].to_numpy(), predictions["age_predicted"].to_numpy()
    gender, p_female = predictions["gender"].to_numpy(), predictions["p_female"].to_numpy()
    answer, error = predicted_gender(predictions), np.abs(read - age)
    women, men, both = gender == 1, gender == 0, len(np.unique(gender)) == 2
    square, right = (p_female - gender) ** 2, answer == gender
    mean_square = mean_of(error**2)
    recall, specificity = mean_of(right, among=women), mean_of(right, among=men)
    # metric: its value, and its value on every resample
    found: dict[str, tuple[float, Statistic]] = {
        "age_mae": (mean_absolute_error(age, read), mean_of(error)),
        "age_median_error": (median_absolute_error(age, read), median_of(error)),
        "age_rmse": (root_mean_squared_error(age, read), lambda weights: np.sqrt(mean_square(weights))),
        "age_balanced_mae": _balanced(error, age_band(age).codes),
        "share_within_5": (np.mean(error <= 5), mean_of(error <= 5)),
        "gender_accuracy": (accuracy_score(gender, answer), mean_of(right)),
        "gender_balanced_accuracy": (
            balanced_accuracy_score(gender, answer) if both else np.nan,
            lambda weights: (recall(weights) + specificity(weights)) / 2,
        ),
        "gender_precision": (
            precision_score(gender, answer, zero_division=np.nan), mean_of(women, among=answer == 1)
        ),
        "gender_recall": (recall_score(gender, answer, zero_division=np.nan), recall),
        "gender_auc": (roc_auc_score(gender, p_female) if both else np.nan, auc_of(women, p_female)),
        "gender_brier": (brier_score_loss(gender, p_female, pos_label=1), mean_of(square)),
    }  # fmt: skip
    statistics = {name: statistic for name, (_, statistic) in found.items()}
    draws = bootstrap(statistics, predictions["duplicate_group"].to_numpy(), seed, resamples)
    rows = [
        (name, float(value), *interval(draws[name]), len(predictions)) for name, (value, _) in found.items()
    ]
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high", "n"])


def _balanced(error: np.ndarray, band: np.ndarray) -> tuple[float, Statistic]:
    """The mean over bands of each band's mean error, and its statistic; a band that a resample lacks is left out."""
    bands = [band == code for code in np.unique(band)]
    means = [mean_of(error, among=members) for members in bands]
    value = np.mean([error[members].mean() for members in bands])
    return float(value), lambda weights: np.nanmean([mean(weights) for mean in means], axis=0)


def compare(
    predictions_a: pd.DataFrame, predictions_b: pd.DataFrame, seed: int = 0, resamples: int = 2000
) -> pd.DataFrame:
    """Is model b better than model a on the same images? A paired comparison.

    Pairing removes what is hard about the images themselves, and so finds differences that two separate
    intervals hide. The age test is a paired bootstrap over duplicate groups; the gender test is McNemar's exact
    one on the images that only one model gets right (Dietterich 1998).

    Returns
    -------
    DataFrame
        Rows ``age_mae`` (years) and ``gender_accuracy``. Columns: ``metric, a, b, difference`` (b minus a),
        ``low, high`` (95 %), ``p, test, a_better, b_better`` (images on which that model has the smaller age error, or
        alone names the right gender) and ``n``.

    Raises
    ------
    InputError
        When the two tables do not hold the same files with the same labels.
    """
    check_predictions(predictions_a)
    check_predictions(predictions_b)
    a, b = predictions_a.set_index("file"), predictions_b.set_index("file")
    check_same_images(a, b)
    b = b.loc[a.index]
    labels = ["age", "gender"]
    if not (a[labels].to_numpy() == b[labels].to_numpy()).all():
        raise InputError(
            "The two predictions tables label the same files differently: train both on the same data."
        )

    error_a, error_b = (np.abs(table["age_predicted"] - table["age"]).to_numpy() for table in (a, b))
    right_a, right_b = (
        (predicted_gender(table) == table["gender"].to_numpy()).astype(float) for table in (a, b)
    )
    differences = {"age_mae": error_b - error_a, "gender_accuracy": right_b - right_a}
    draws = bootstrap(
        {name: mean_of(difference) for name, difference in differences.items()},
        a["duplicate_group"].to_numpy(),
        seed,
        resamples,
    )
    only_a, only_b = int((right_a > right_b).sum()), int((right_b > right_a).sum())
    mcnemar = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    tests = {
        "age_mae": (bootstrap_p(draws["age_mae"]), "paired bootstrap"),
        "gender_accuracy": (float(mcnemar), "exact McNemar"),
    }
    better = {
        "age_mae": (int((error_a < error_b).sum()), int((error_b < error_a).sum())),
        "gender_accuracy": (only_a, only_b),
    }
    means = {"age_mae": (error_a.mean(), error_b.mean()), "gender_accuracy": (right_a.mean(), right_b.mean())}
    rows = [
        (name, *means[name], difference.mean(), *interval(draws[name]), *tests[name], *better[name], len(a))
        for name, difference in differences.items()
    ]
    columns = ["metric", "a", "b", "difference", "low", "high", "p", "test", "a_better", "b_better", "n"]
    return pd.DataFrame(rows, columns=columns)


def compare_all(predictions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every model against every later one on the same images, as :func:`compare` does it.

    Parameters
    ----------
    predictions
        Model name to predictions of one split.

    Returns
    -------
    DataFrame
        :func:`compare`'s rows of each pair below each other, with the names in the columns ``first`` (a) and
        ``second`` (b).
    """
    tables = []
    for (first, a), (second, b) in combinations(predictions.items(), 2):
        table = compare(a, b)
        table.insert(0, "first", first)
        table.insert(1, "second", second)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def bootstrap_p(draws: np.ndarray) -> float:
    """Two-sided p value: twice the share of resamples on the other side of zero, never exactly 0."""
    tail = min((draws <= 0).sum(), (draws >= 0).sum())
    return float(min(1.0, 2 * (tail + 1) / (len(draws) + 1)))


def confusion(predictions: pd.DataFrame) -> pd.DataFrame:
    """Counts of true (rows) against predicted (columns) gender, by name."""
    check_predictions(predictions)
    counts = confusion_matrix(
        predictions["gender"], predicted_gender(predictions), labels=range(len(GENDERS))
    )
    return pd.DataFrame(
        counts, index=pd.Index(GENDERS, name="true"), columns=pd.Index(GENDERS, name="predicted")
    )
