"""Label errors: labels that a network which never saw the face finds hard to believe. The first to look at, no more.

A high score is a wrong label, a face that is hard to read, or a mistake of the network; only looking tells. All
predictions have to be of faces the network did not train on (out of fold), or it has memorised the wrong labels.
"""

import numpy as np
import pandas as pd

from agegender_lib.data.age_bins import age_limits, nearest_age
from agegender_lib.data.filenames import GENDERS
from agegender_lib.errors import InputError
from agegender_lib.evaluation.statistics.bootstrap import Statistic, estimates, interval
from agegender_lib.runs.tables import check_predictions

TASKS = ("age", "gender")
# The standard deviation of a normal distribution in units of its median absolute deviation.
_NORMAL_MAD = 1.4826
# Labels are whole years: no typical error is taken to be smaller.
_LEAST_YEARS = 1.0
# So many faces that the network predicts about as old tell what is typical.
_NEAR = 200
_INJECTED_YEARS = 20
# Fewer than elsewhere: each counts all faces anew.
_RESAMPLES = 500


def label_error_scores(predictions: pd.DataFrame) -> pd.DataFrame:
    """How little an out-of-fold network believes each face's labels: label-quality scores, high where it is low.

    Returns
    -------
    DataFrame
        ``predictions`` with the columns age_typical (years: the typical distance of a label from the predicted age
        among the 200 faces that are predicted about as old; 1.48 times the median absolute deviation, so that gross
        errors do not raise it, and at least 1), age_error_score (distance of the label, of a range its nearer end, from
        the typical label at that prediction, in units of age_typical) and gender_error_score (-ln of the probability
        given to the label), and for both age_rank and gender_rank, 1 being the highest score.
    """
    added = ["age_typical", "age_error_score", "gender_error_score", "age_rank", "gender_rank"]
    if predictions.empty:
        return predictions.assign(**dict.fromkeys(added, pd.Series(dtype=float)))
    check_predictions(predictions)
    bias, typical = _typical(predictions)
    read = predictions["age_predicted"]
    away = nearest_age(predictions, read + bias) - read - bias
    p_label = np.where(predictions["gender"] == 1, predictions["p_female"], 1 - predictions["p_female"])
    table = predictions.assign(
        age_typical=typical,
        age_error_score=np.abs(away) / typical,
        # predictions are kept with five digits, and 0 has no logarithm
        gender_error_score=-np.log(np.maximum(p_label, 1e-6)),
    )
    for task in TASKS:
        rank = table[f"{task}_error_score"].rank(method="first", ascending=False)
        table[f"{task}_rank"] = rank.astype(int)
    return table


def top_label_errors(scores: pd.DataFrame, task: str, k: int = 15) -> pd.DataFrame:
    """The ``k`` faces with the highest score for "age" or "gender" in :func:`label_error_scores`, the highest first."""
    return scores.sort_values(f"{task}_rank").head(k)


def estimated_label_errors(predictions: pd.DataFrame) -> pd.DataFrame:
    """How many gender labels are wrong, as confident learning estimates it.

    A face counts against its label when the network gives the other gender at least the probability that it gives, on
    average, to faces with that other label (Northcutt, Jiang and Chuang 2021, JAIR 70, eqs. 1 and 2: the confident
    joint); scaled to the number of faces with each label (eq. 3) these counts estimate the wrong labels. The method
    takes the network's confident errors for the labels': where faces hardly show the gender, as with small children,
    it counts the network's errors as well, and says too much.

    Returns
    -------
    DataFrame
        Rows "male", "female" and "both": label; faces (with that label); off_diagonal (faces that count against it) and
        under_10 (those of them labelled younger than ten years); estimated_errors, low, high (with its 95 % interval,
        thresholds resampled as well) and share (of the faces).
    """
    columns = ["label", "faces", "off_diagonal", "under_10", "estimated_errors", "low", "high", "share"]
    if predictions.empty:
        return pd.DataFrame(columns=columns)
    check_predictions(predictions)
    gender, child = predictions["gender"].to_numpy(), (predictions["age"] < 10).to_numpy()
    if len(np.unique(gender)) < len(GENDERS):
        raise InputError("All faces have one gender label: give predictions of faces with both.")
    p_female = predictions["p_female"].to_numpy()
    statistics = {name: _wrong(p_female, gender, code) for code, name in enumerate(GENDERS)}
    found = estimates(statistics, predictions["duplicate_group"], _RESAMPLES)
    against = _confident(p_female, gender, np.ones((1, len(gender))))[1][0]
    rows = []
    for code, name in enumerate(GENDERS):
        own = against & (gender == code)
        rows.append((name, (gender == code).sum(), own.sum(), (own & child).sum(), *found[name][:3]))
    both = interval(np.sum([each.draws for each in found.values()], axis=0))
    rows.append(("both", *np.sum([row[1:5] for row in rows], axis=0), *both))
    table = pd.DataFrame(rows, columns=columns[:-1]).astype(dict.fromkeys(columns[1:4], int))
    return table.assign(share=table["estimated_errors"] / table["faces"])


def injected_label_errors(predictions: pd.DataFrame, count: int = 100) -> pd.DataFrame:
    """How many injected label errors the ranking brings to the top: what it can be trusted with.

    The labels of ``count`` faces are changed in the predictions table, for each task by itself, ages and both ends of
    ranges by 20 years to either side; the network is the same, for which its training faces were all labelled as they
    are.

    Returns
    -------
    DataFrame
        A row per task: task; faces; injected (k, how many); hits_at_k (of these, those among the k highest scores);
        recall_at_5_percent (fraction of them among the highest 5 % of scores).
    """
    columns = ["task", "faces", "injected", "hits_at_k", "recall_at_5_percent"]
    if predictions.empty:
        return pd.DataFrame(columns=columns)
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(predictions), count, replace=False)
    moved = _INJECTED_YEARS * rng.choice([-1, 1], count)
    youngest = age_limits(predictions)[0][chosen]
    moved = np.where(youngest + moved < 0, _INJECTED_YEARS, moved)  # there is no age below 0
    wrong = {task: predictions.copy() for task in TASKS}
    ages = [column for column in ("age", "age_low", "age_high") if column in predictions]
    wrong["age"].iloc[chosen, predictions.columns.get_indexer(ages)] += moved[:, None]
    wrong["gender"].iloc[chosen, predictions.columns.get_loc("gender")] = 1 - predictions["gender"].to_numpy()[chosen]
    rows = []
    for task in TASKS:
        ranks = label_error_scores(wrong[task])[f"{task}_rank"].to_numpy()[chosen]
        found = (ranks <= 0.05 * len(predictions)).mean()
        rows.append((task, len(predictions), count, int((ranks <= count).sum()), float(found)))
    return pd.DataFrame(rows, columns=columns)


def _confident(p_female: np.ndarray, gender: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which faces count for their label and which against it, for every resample; two bool [resamples, n]."""
    female = gender == 1
    with np.errstate(invalid="ignore"):  # a gender that was not drawn has no threshold: nothing passes it
        to_women = (weights[:, female] @ p_female[female] / weights[:, female].sum(axis=1))[:, None]
        to_men = (weights[:, ~female] @ (1 - p_female[~female]) / weights[:, ~female].sum(axis=1))[:, None]
    says_female, says_male = p_female >= to_women, 1 - p_female >= to_men
    # one that passes both thresholds counts where it is likelier, one that passes none is not counted
    likelier = p_female >= 0.5
    says_female, says_male = says_female & (likelier | ~says_male), says_male & (~likelier | ~says_female)
    return np.where(female, says_female, says_male), np.where(female, says_male, says_female)


def _wrong(p_female: np.ndarray, gender: np.ndarray, code: int) -> Statistic:
    """The statistic "estimated number of wrong labels among those that say ``code``"."""
    own = gender == code

    def statistic(weights: np.ndarray) -> np.ndarray:
        right, wrong = (
            (weights[:, own] * counted[:, own]).sum(axis=1) for counted in _confident(p_female, gender, weights)
        )
        share = np.divide(wrong, right + wrong, out=np.zeros(len(weights)), where=right + wrong > 0)
        return share * weights[:, own].sum(axis=1)

    return statistic


def _typical(predictions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Of the faces nearest in predicted age: the median and the typical size of label minus prediction, in years."""
    read = predictions["age_predicted"].to_numpy()
    away = nearest_age(predictions, read) - read
    order = np.argsort(read, kind="stable")
    width = min(_NEAR, len(read))
    first = np.clip(np.arange(len(read)) - width // 2, 0, len(read) - width)
    windows = np.lib.stride_tricks.sliding_window_view(away[order], width)[first]
    middle = np.median(windows, axis=1)
    spread = np.median(np.abs(windows - middle[:, None]), axis=1)
    bias, typical = np.empty(len(read)), np.empty(len(read))
    bias[order], typical[order] = middle, np.maximum(_NORMAL_MAD * spread, _LEAST_YEARS)
    return bias, typical
