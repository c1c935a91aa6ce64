"""Images divided at random so that near-duplicates are never on two sides."""

import numpy as np
from sklearn.model_selection import GroupKFold

from agegender_lib.errors import InputError
from agegender_lib.evaluation.bootstrap import units_of


def grouped_folds(duplicate_group: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """The fold, 0 to ``folds`` - 1, that each image is drawn into; int [n].

    Raises
    ------
    InputError
        When there are fewer images without duplicates among each other than folds.
    """
    units = units_of(duplicate_group)
    different = len(np.unique(units))
    if different < folds:
        raise InputError(
            f"{len(units)} images with {different} different faces cannot be divided into {folds} "
            "parts: give more validation images"
        )
    found = np.empty(len(units), dtype=np.int64)
    parts = GroupKFold(folds, shuffle=True, random_state=seed).split(units, groups=units)
    for number, (_, chosen) in enumerate(parts):
        found[chosen] = number
    return found
