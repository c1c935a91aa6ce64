"""Noise floor: what even an ideal predictor would get wrong, from photographs that were labelled twice.

Near-duplicates are one photograph stored twice, so that no time passes between their two labels: where these differ, at
least one is wrong. Two assumptions turn their differences into a floor: the labels a and b of a photograph are
independent readings with the same distribution, and an ideal predictor gives what is best for that distribution. Two
ranges of ages differ by the years between them, none where they overlap or touch.

*Age.* The reader's error E|a - m|, m being the median of the photograph's labels, lies between a half and the whole of
E|a - b|, whatever the distribution (the triangle inequality, and m being the best constant answer). It is a half where
few labels are far off and most exact; for normal noise E|a - b| / sqrt(2), for Laplace noise 2/3 E|a - b|.

*Gender.* If a label is wrong with probability q, two labels differ with probability d = 2 q (1 - q), so that
q = (1 - sqrt(1 - 2 d)) / 2, and a reader who is always right agrees with a fraction 1 - q of the labels.

Two labels of one photograph may have been copied from each other, which makes the floor too low; and copies may be left
in the data for the very reason that their labels, and so their file names, differ, which makes it too high. It is about
the duplicated photographs only, which are few and not a sample of all.
"""

import numpy as np
import pandas as pd

from agegender_lib.data.age_bins import age_limits
from agegender_lib.evaluation.statistics.bootstrap import estimates
from agegender_lib.evaluation.tables import MEASURES, scores
from agegender_lib.runs.tables import check_predictions

#: Floor of the age's mean absolute error as a fraction of the mean difference of two labels.
AGE_SHARES = {
    "age_mae_floor": 1 / np.sqrt(2),
    "age_mae_floor_laplace": 2 / 3,
    "age_mae_floor_least": 1 / 2,
    "age_mae_floor_most": 1.0,
}


def label_noise(table: pd.DataFrame) -> pd.DataFrame:
    """How far two labels of one photograph differ, and the floor this implies for age error and accuracy.

    Assumptions and formulas stand at the top of this module. ``table`` is a FaceSet's or one of predictions.

    Returns
    -------
    DataFrame
        Rows quantity, value, low, high (95 %), faces, groups, pairs (what they rest on): ``age_gap``, mean absolute
        difference of two labels (years); ``age_mae_floor``, of an ideal predictor if the noise is normal, and the same
        ``_laplace``, ``_least`` and ``_most`` (the bounds for noise of any kind); ``gender_disagreement``, fraction of
        pairs with two genders; ``gender_accuracy_ceiling``, of an ideal predictor. No rows without near-duplicates.
    """
    own = table[table["duplicate_group"] >= 0]
    columns = ["quantity", "value", "low", "high", "faces", "groups", "pairs"]
    if own.empty:
        return pd.DataFrame(columns=columns)
    group = own["duplicate_group"].to_numpy()
    gap = _difference_to_others(*age_limits(own), group)
    disagreement = _difference_to_others(own["gender"].to_numpy(), own["gender"].to_numpy(), group)
    means = estimates({"age": gap, "gender": disagreement}, group)
    # the formulas are monotonic, so that the intervals' ends go through them as well
    ages, differ = np.array(means["age"][:3]), np.array(means["gender"][:3])
    found = {"age_gap": ages} | {name: share * ages for name, share in AGE_SHARES.items()}
    found["gender_disagreement"] = differ
    ceiling = 1 - (1 - np.sqrt(np.clip(1 - 2 * differ, 0, None))) / 2
    found["gender_accuracy_ceiling"] = ceiling[[0, 2, 1]]
    sizes = np.unique(group, return_counts=True)[1]
    counts = (len(own), len(sizes), int((sizes * (sizes - 1) // 2).sum()))
    return pd.DataFrame([(name, *values, *counts) for name, values in found.items()], columns=columns)


def errors_on_duplicates(predictions: pd.DataFrame) -> pd.DataFrame:
    """A model's errors on the duplicated photographs, which the floor is about, and on all others.

    Returns
    -------
    DataFrame
        A row for "duplicated" and one for "others", where there are such faces: faces, images, and ``age_mae`` (years)
        and ``gender_accuracy`` (0 to 1), each with ``_low`` and ``_high`` (95 %).
    """
    columns = ["faces", "images", *(f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high"))]
    if predictions.empty:
        return pd.DataFrame(columns=columns)
    check_predictions(predictions)
    several = predictions["duplicate_group"] >= 0
    rows = []
    for name, own in (("duplicated", predictions[several]), ("others", predictions[~several])):
        if own.empty:
            continue
        row = {"faces": name, "images": len(own)}
        for measure, found in estimates(scores(own)[[*MEASURES]], own["duplicate_group"]).items():
            row |= found.columns(measure)
        rows.append(row)
    return pd.DataFrame(rows, columns=columns)


def _difference_to_others(low: np.ndarray, high: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Mean distance of each value, or range, to the others of its group, which has at least one; float [n]."""
    faces = pd.DataFrame({"group": group, "low": low, "high": high}).reset_index()
    pairs = faces.merge(faces, on="group")
    pairs["apart"] = np.maximum(pairs["low_x"] - pairs["high_y"], pairs["low_y"] - pairs["high_x"]).clip(lower=0)
    apart = pairs.groupby("index_x")["apart"]
    return (apart.sum() / (apart.size() - 1)).to_numpy(float)
