"""How good one model is, and whether another is better: the numbers of the report, each with its interval."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn import metrics

from agegender_lib.data.bands import age_band
from agegender_lib.data.filenames import GENDERS
from agegender_lib.errors import InputError
from agegender_lib.evaluation.bootstrap import Statistic, auc_of, estimates, mean_of, median_of
from agegender_lib.evaluation.tables import MEASURES, check_same_images, predicted_gender, scores
from agegender_lib.runs.tables import check_predictions


def summarise(predictions: pd.DataFrame, resamples: int = 2000) -> pd.DataFrame:
    """All metrics of one model on one split, with 95 % bootstrap intervals that keep duplicates together.

    ``predictions`` are rows of one split, see ``runs.PREDICTION_COLUMNS``, and ``resamples`` the number of the
    bootstrap's draws, as everywhere in this package.

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
    """
    check_predictions(predictions)
    age, read = predictions["age"].to_numpy(), predictions["age_predicted"].to_numpy()
    gender, p_female = predictions["gender"].to_numpy(), predictions["p_female"].to_numpy()
    error, _, right = scores(predictions).to_numpy().T
    answer, square = predicted_gender(predictions), (p_female - gender) ** 2
    women, men, both = gender == 1, gender == 0, len(np.unique(gender)) == 2
    mean_square = mean_of(error**2)
    recall, specificity = mean_of(right, among=women), mean_of(right, among=men)
    # metric: its value, and its value on every resample
    found: dict[str, tuple[float, Statistic]] = {
        "age_mae": (metrics.mean_absolute_error(age, read), mean_of(error)),
        "age_median_error": (metrics.median_absolute_error(age, read), median_of(error)),
        "age_rmse": (metrics.root_mean_squared_error(age, read), lambda weights: np.sqrt(mean_square(weights))),
        "age_balanced_mae": _balanced(error, age_band(age).codes),
        "share_within_5": (np.mean(error <= 5), mean_of(error <= 5)),
        "gender_accuracy": (metrics.accuracy_score(gender, answer), mean_of(right)),
        "gender_balanced_accuracy": (
            metrics.balanced_accuracy_score(gender, answer) if both else np.nan,
            lambda weights: (recall(weights) + specificity(weights)) / 2,
        ),
        "gender_precision": (
            metrics.precision_score(gender, answer, zero_division=np.nan), mean_of(women, among=answer == 1)
        ),
        "gender_recall": (metrics.recall_score(gender, answer, zero_division=np.nan), recall),
        "gender_auc": (metrics.roc_auc_score(gender, p_female) if both else np.nan, auc_of(women, p_female)),
        "gender_brier": (metrics.brier_score_loss(gender, p_female, pos_label=1), mean_of(square)),
    }  # fmt: skip
    statistics = {name: statistic for name, (_, statistic) in found.items()}
    drawn = estimates(statistics, predictions["duplicate_group"].to_numpy(), resamples)
    rows = [(name, float(value), *drawn[name][1:3], len(age)) for name, (value, _) in found.items()]
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high", "n"])


def _balanced(error: np.ndarray, band: np.ndarray) -> tuple[float, Statistic]:
    """The mean over bands of each band's mean error, and its statistic; a band that a resample lacks is left out."""
    bands = [band == code for code in np.unique(band)]
    means = [mean_of(error, among=members) for members in bands]
    value = np.mean([error[members].mean() for members in bands])
    return float(value), lambda weights: np.nanmean([mean(weights) for mean in means], axis=0)


def compare(predictions_a: pd.DataFrame, predictions_b: pd.DataFrame, resamples: int = 2000) -> pd.DataFrame:
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
    """
    check_predictions(predictions_a)
    check_predictions(predictions_b)
    a, b = predictions_a.set_index("file"), predictions_b.set_index("file")
    check_same_images(a, b)
    b = b.loc[a.index]
    if (a[["age", "gender"]] != b[["age", "gender"]]).any(axis=None):
        raise InputError(
            "The two predictions tables label the same files differently: train both on the same data."
        )
    of_a, of_b = scores(a)[[*MEASURES]], scores(b)[[*MEASURES]]
    found = estimates(of_b - of_a, a["duplicate_group"], resamples)
    less, more = (of_a < of_b).sum(), (of_a > of_b).sum()
    only_a, only_b = int(more["gender_accuracy"]), int(less["gender_accuracy"])
    mcnemar = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    p = bootstrap_p(found["age_mae"].draws)
    # of both, on how many images alone it is better
    tests = {
        "age_mae": (p, "paired bootstrap", int(less["age_mae"]), int(more["age_mae"])),
        "gender_accuracy": (float(mcnemar), "exact McNemar", only_a, only_b),
    }
    rows = [
        (name, of_a[name].mean(), of_b[name].mean(), *found[name][:3], *tests[name], len(a))
        for name in MEASURES
    ]
    columns = ["metric", "a", "b", "difference", "low", "high", "p", "test", "a_better", "b_better", "n"]
    return pd.DataFrame(rows, columns=columns)


def compare_all(predictions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """:func:`compare`'s rows of every model ``first`` (a) against every later one, ``second`` (b), by name."""
    pairs = combinations(predictions, 2)
    tables = {pair: compare(*(predictions[name] for name in pair)) for pair in pairs}
    table = pd.concat(tables, names=["first", "second"])
    return table.reset_index(["first", "second"]).reset_index(drop=True)


def bootstrap_p(draws: np.ndarray) -> float:
    """Two-sided p value: twice the share of resamples on the other side of zero, never exactly 0."""
    tail = min((draws <= 0).sum(), (draws >= 0).sum())
    return float(min(1.0, 2 * (tail + 1) / (len(draws) + 1)))


def confusion(predictions: pd.DataFrame) -> pd.DataFrame:
    """Counts of true (rows) against predicted (columns) gender, by name."""
    check_predictions(predictions)
    counts = metrics.confusion_matrix(
        predictions["gender"], predicted_gender(predictions), labels=range(len(GENDERS))
    )
    return pd.DataFrame(
        counts, index=pd.Index(GENDERS, name="true"), columns=pd.Index(GENDERS, name="predicted")
    )
