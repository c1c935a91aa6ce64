"""Folds for cross-validation: every face is held out once, duplicates together."""

import numbers

import numpy as np
import pandas as pd

from agegender_lib.data.split import split_faces
from agegender_lib.errors import InputError


def assign_folds(table: pd.DataFrame, folds: int = 5, seed: int = 1) -> np.ndarray:
    """Divide faces into folds of equal size, stratified and with no duplicate group in two of them.

    Fold 1 is what :func:`split_faces` holds out with this seed when a fraction of 1 / ``folds`` validates; fold 2 is
    what it holds out of the rest, and so on. So age bands times genders keep their proportions in every fold,
    neither the order of the rows nor the machine matters, and a single split of that size is the first fold.

    Parameters
    ----------
    table : pandas.DataFrame
        As for :func:`split_faces`; n rows.
    folds : int
        From 2 to n.
    seed : int
        Another seed, other folds.

    Returns
    -------
    int64 [n]
        The fold of every face, counted from 1. Sizes differ by one at most.

    >>> table = pd.DataFrame({"file": list("abcdefghij"), "age": 30, "gender": 0, "duplicate_group": -1})
    >>> sorted(assign_folds(table, folds=5).tolist())
    [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    """
    whole = isinstance(folds, numbers.Integral) and not isinstance(folds, bool)
    if not whole or not 2 <= folds <= len(table):
        raise InputError(f"folds is {folds!r}: give a whole number from 2 to the {len(table)} faces there are")
    fold = np.full(len(table), folds, dtype=np.int64)
    left = np.arange(len(table))
    smallest, larger = divmod(len(table), folds)
    for number in range(1, folds):
        size = smallest + (number <= larger)
        held_out = split_faces(table.iloc[left], seed, size).to_numpy() == "validation"
        fold[left[held_out]] = number
        left = left[~held_out]
    return fold


def split_fold(table: pd.DataFrame, fold: int, folds: int = 5, seed: int = 1) -> pd.Series:
    """One fold of :func:`assign_folds` validates and the others train: a series as of :func:`split_faces`."""
    if isinstance(fold, bool) or not isinstance(fold, numbers.Integral) or not 1 <= fold <= folds:
        raise InputError(f"fold is {fold!r}: give a whole number from 1 to {folds}")
    held_out = assign_folds(table, folds, seed) == fold
    split = np.where(held_out, "validation", "train")
    return pd.Series(split, index=table.index, name="split", dtype="str")
