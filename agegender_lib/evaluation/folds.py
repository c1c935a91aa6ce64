"""Images divided at random so that near-duplicates are never on two sides."""

import numpy as np
from sklearn.model_selection import GroupKFold

from agegender_lib.errors import InputError


def units_of(duplicate_group: np.ndarray) -> np.ndarray:
    """Which unit each image belongs to, 0 to units - 1: its duplicate group, or itself where that is -1; int [n]."""
    group = np.asarray(duplicate_group)
    group = np.where(group < 0, group.max(initial=-1) + 1 + np.arange(len(group)), group)
    return np.unique(group, return_inverse=True)[1]


def grouped_folds(duplicate_group: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """The fold, 0 to ``folds`` - 1, that each image is drawn into; int [n].

    Raises
    ------
    InputError
        When there are fewer images without duplicates among each other than folds.
    """
    units = units_of(duplicate_group)
    if units.max(initial=-1) + 1 < folds:
        raise InputError(
            f"{len(units)} images with {units.max(initial=-1) + 1} different faces cannot be divided into {folds} "
            "parts: give more validation images"
        )
    found = np.empty(len(units), dtype=np.int64)
    parts = GroupKFold(folds, shuffle=True, random_state=seed).split(units, groups=units)
    for number, (_, chosen) in enumerate(parts):
        found[chosen] = number
    return found
