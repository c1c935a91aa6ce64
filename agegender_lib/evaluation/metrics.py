"""Metrics of one model, such as the mean absolute error (MAE), each with its confidence interval."""

import numpy as np
import pandas as pd

from agegender_lib.data.age_bins import age_band
from agegender_lib.data.filenames import GENDERS
from agegender_lib.evaluation.statistics.bootstrap import Statistic, auc_of, estimates, mean_of, median_of
from agegender_lib.evaluation.tables import predicted_gender, scores
from agegender_lib.runs.tables import check_predictions


def evaluate(predictions: pd.DataFrame) -> pd.DataFrame:
    """All metrics of one model on one split, with 95 % bootstrap confidence intervals; duplicates stay together.

    ``predictions`` are rows of one split, see ``runs.PREDICTION_COLUMNS``.

    Returns
    -------
    DataFrame
        One row per metric: ``metric, value, low, high, n``. ``age_mae``, ``age_median_error``, ``age_rmse`` and
        ``age_balanced_mae`` (mean over the age bands of each band's MAE: every band counts alike, however few its
        faces) are in years. ``age_cs5`` (absolute age error of at most 5 years, the literature's CS@5),
        ``gender_accuracy``, ``gender_balanced_accuracy`` (mean of both genders' recall), ``gender_precision`` and
        ``gender_recall`` (of "female"), ``gender_auc`` and ``gender_brier`` (mean squared error of P(female), Brier
        1950; 0 is best) are in 0 to 1. A metric of gender is NaN where images or predictions lack what it needs:
        AUC and balanced accuracy both genders, recall a woman, precision a prediction "female". Where no gender is
        labelled, its metrics are left out. Where labels are ranges of ages, the error of the age is the distance to the
        range (0 inside), and ``age_in_range`` is the fraction of faces inside.

    >>> from agegender_lib.runs import predictions_table
    >>> predictions = predictions_table([20, 30, 40, 50], [22, 30, 41, 45], [0, 0, 1, 1], [0.1, 0.6, 0.8, 0.9])
    >>> evaluate(predictions).round(2).head(2)
                 metric  value  low  high  n
    0           age_mae    2.0  0.5   4.0  4
    1  age_median_error    1.5  0.0   5.0  4
    """
    check_predictions(predictions)
    labelled = predictions[predictions["gender"] >= 0]
    rows = []
    parts = [(predictions, _age_metrics), (labelled, _gender_metrics)]
    for table, measure in parts if len(labelled) else parts[:1]:
        found = measure(table)
        drawn = estimates({name: each for name, (_, each) in found.items()}, table["duplicate_group"])
        rows += [(name, float(value), *drawn[name][1:3], len(table)) for name, (value, _) in found.items()]
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high", "n"])


def _age_metrics(predictions: pd.DataFrame) -> dict[str, tuple[float, Statistic]]:
    """By metric its value, and its value on every resample."""
    from sklearn import metrics  # takes a second to import, and a photo is read without it

    measured = scores(predictions)
    error = measured["age_mae"].to_numpy()
    none, mean_square = np.zeros_like(error), mean_of(error**2)
    found: dict[str, tuple[float, Statistic]] = {
        "age_mae": (metrics.mean_absolute_error(none, error), mean_of(error)),
        "age_median_error": (metrics.median_absolute_error(none, error), median_of(error)),
        "age_rmse": (metrics.root_mean_squared_error(none, error), lambda weights: np.sqrt(mean_square(weights))),
        "age_balanced_mae": _balanced(error, age_band(predictions["age"]).codes),
        "age_cs5": (np.mean(error <= 5), mean_of(error <= 5)),
    }
    if "age_in_range" in measured:
        inside = measured["age_in_range"]
        found["age_in_range"] = inside.mean(), mean_of(inside.fillna(0), among=inside.notna())
    return found


def _gender_metrics(predictions: pd.DataFrame) -> dict[str, tuple[float, Statistic]]:
    from sklearn import metrics

    gender, p_female = predictions["gender"].to_numpy(), predictions["p_female"].to_numpy()
    right = scores(predictions)["gender_accuracy"].to_numpy()
    named, square = predicted_gender(predictions), (p_female - gender) ** 2
    women, men, both = gender == 1, gender == 0, len(np.unique(gender)) == 2
    recall, specificity = mean_of(right, among=women), mean_of(right, among=men)
    return {
        "gender_accuracy": (metrics.accuracy_score(gender, named), mean_of(right)),
        "gender_balanced_accuracy": (
            metrics.balanced_accuracy_score(gender, named) if both else np.nan,
            lambda weights: (recall(weights) + specificity(weights)) / 2,
        ),
        "gender_precision": (
            metrics.precision_score(gender, named, zero_division=np.nan), mean_of(women, among=named == 1)
        ),
        "gender_recall": (metrics.recall_score(gender, named, zero_division=np.nan), recall),
        "gender_auc": (metrics.roc_auc_score(gender, p_female) if both else np.nan, auc_of(women, p_female)),
        "gender_brier": (metrics.brier_score_loss(gender, p_female, pos_label=1), mean_of(square)),
    }  # fmt: skip


def _balanced(error: np.ndarray, band: np.ndarray) -> tuple[float, Statistic]:
    """The mean over bands of each band's mean error, and its statistic; a band that a resample lacks is left out."""
    bands = [band == code for code in np.unique(band)]
    means = [mean_of(error, among=members) for members in bands]
    value = np.mean([error[members].mean() for members in bands])
    return float(value), lambda weights: np.nanmean([mean(weights) for mean in means], axis=0)


def confusion_matrix(predictions: pd.DataFrame) -> pd.DataFrame:
    """Counts of true (rows) against predicted (columns) gender, by name.

    >>> from agegender_lib.runs import predictions_table
    >>> predictions = predictions_table([20, 30, 40, 50], [22, 30, 41, 45], [0, 0, 1, 1], [0.1, 0.6, 0.8, 0.9])
    >>> confusion_matrix(predictions).to_numpy()
    array([[1, 1],
           [0, 2]])
    """
    check_predictions(predictions)
    from sklearn import metrics

    counts = metrics.confusion_matrix(predictions["gender"], predicted_gender(predictions), labels=range(len(GENDERS)))
    return pd.DataFrame(counts, index=pd.Index(GENDERS, name="true"), columns=pd.Index(GENDERS, name="predicted"))
