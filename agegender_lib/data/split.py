"""Training and validation faces, and folds: stratified, reproducible, with no photograph on two sides."""

import hashlib
import numbers

import numpy as np
import pandas as pd

from agegender_lib.data.age_bins import AGE_BANDS, age_band
from agegender_lib.data.filenames import GENDERS, printable
from agegender_lib.errors import InputError


def split_faces(table: pd.DataFrame, seed: int = 0, validation_size: int | float = 1000) -> pd.Series:
    """Assign every face to training or validation.

    Age bands times genders keep their proportions (each stratum's share by largest remainder); the
    members of a duplicate group all go to one side. Faces are drawn by a hash of seed and file name, so
    neither the order of the rows nor the machine matters. Where the labels give a split, see :func:`given_split`,
    that is taken, and neither seed nor size count.

    Parameters
    ----------
    table : pandas.DataFrame
        With the columns file, age (years), gender and duplicate_group (-1 = none), maybe split; n rows.
    seed : int
        Another seed, another split.
    validation_size : int or float
        How many faces to hold out: a count from 1 to n - 1, or a fraction between 0 and 1 of n.

    Returns
    -------
    pandas.Series
        "train", "validation" or, of a given split only, "unused", named split, with the table's index. The validation
        count is met exactly, unless the split is given.

    Raises
    ------
    InputError
        When these cannot be used, or no such split exists because the duplicate groups are too large.

    >>> table = pd.DataFrame({"file": list("abcdefghij"), "age": 30, "gender": 0, "duplicate_group": -1})
    >>> split_faces(table, seed=1, validation_size=0.2).value_counts().to_dict()
    {'train': 8, 'validation': 2}
    """
    given, _ = given_split(table)
    return _drawn(table, seed, validation_size) if given is None else given


def given_split(table: pd.DataFrame) -> tuple[pd.Series | None, str]:
    """The split that labels give, as of :func:`split_faces`, and in words what becomes of the column ``split``.

    It is taken where it knows no other words than "train", "validation" and "test" and both sides have faces; "test" is
    "validation" where there is no such face, else "unused", as are training faces with a near-duplicate held out.

    >>> table = pd.DataFrame({"split": ["train", "train", "test"], "duplicate_group": [-1, 7, 7]})
    >>> split, words = given_split(table)
    >>> split.tolist(), words
    (['train', 'unused', 'validation'], "the split is the labels': 1 faces train, 1 validate, 1 do neither")
    """
    if "split" not in table:
        return None, ""
    there = {*table["split"]}
    held_out = "validation" if "validation" in there else "test"
    if not {"train", held_out} <= there <= {"train", "validation", "test"}:
        found = ", ".join(printable(word) or "nothing" for word in sorted(there)[:6])
        return None, f"the split of the labels says {found}, not both train and validation, and is not used"
    split = _without_twins(table, table["split"].map({"train": "train", held_out: "validation"}).fillna("unused"))
    train, validation, neither = ((split == part).sum() for part in ("train", "validation", "unused"))
    return split, f"the split is the labels': {train:,} faces train, {validation:,} validate, {neither:,} do neither"


def _drawn(table: pd.DataFrame, seed: int, validation_size: int | float) -> pd.Series:
    count = _validation_count(validation_size, len(table))

    draw = np.array([hashlib.sha256(f"{seed}:{file}".encode()).hexdigest() for file in table["file"]])
    stratum = age_band(table["age"]).codes.astype(int) * len(GENDERS) + table["gender"].clip(lower=0).to_numpy()
    wanted = _shares(np.bincount(stratum, minlength=len(AGE_BANDS) * len(GENDERS)), count)
    group = table["duplicate_group"].to_numpy()
    order = np.argsort(draw)
    members: dict[int, list[int]] = {}  # rows of each duplicate group, in the order drawn
    for row in order[group[order] >= 0]:
        members.setdefault(group[row], []).append(row)

    held_out, spare = _draw_groups(list(members.values()), stratum, wanted, count / len(table))
    held_out += _draw_singles(order[group[order] < 0], stratum, wanted, count - len(held_out))
    held_out += _fill_up(spare, count - len(held_out))
    if len(held_out) != count:
        raise InputError(
            f"{count} of {len(table)} faces cannot be held out with seed {seed} without splitting a group of "
            f"duplicates, but {len(held_out)} can: take these"
        )
    split = np.full(len(table), "train", dtype=object)
    split[held_out] = "validation"
    return pd.Series(split, index=table.index, name="split", dtype="str")


def split_sources(table: pd.DataFrame, seed: int = 0, validation_size: int | float = 1000) -> pd.Series:
    """Split each source of a set by itself, as :func:`split_faces` would without the others.

    So models of one source and of several are judged on the same faces. Faces that would train though another source's
    photograph of them is held out become "unused". A table without the column ``source`` is one source.
    """
    if "source" not in table:
        return split_faces(table, seed, validation_size)
    parts = table.groupby("source", sort=False)
    split = pd.concat([split_faces(part, seed, validation_size) for _, part in parts]).reindex(table.index)
    return _without_twins(table, split)


def _without_twins(table: pd.DataFrame, split: pd.Series) -> pd.Series:
    held_out = table["duplicate_group"][split == "validation"]
    twins = table["duplicate_group"].isin(held_out[held_out >= 0])
    return split.mask(twins & (split == "train"), "unused")


def subsample_training(table: pd.DataFrame, split: pd.Series, count: int, seed: int = 0) -> pd.Series:
    """The same split with only ``count`` training faces; the others become "unused".

    Drawn by a hash of seed and file name like the split itself, so that the faces of a smaller count are among those
    of a larger one. An InputError if there are fewer training faces than asked for.
    """
    training = table["file"][split == "train"]
    if not 0 < count <= len(training):
        raise InputError(f"{count} training faces are asked for, but there are {len(training)}: give at most that")
    draw = training.map(lambda file: hashlib.sha256(f"{seed}:training:{file}".encode()).hexdigest())
    fewer = split.copy()
    fewer[draw.sort_values().index[count:]] = "unused"
    return fewer


def assign_folds(table: pd.DataFrame, folds: int = 5, seed: int = 1) -> np.ndarray:
    """Divide faces into folds of equal size, stratified and with no duplicate group in two of them.

    Fold 1 is what :func:`split_faces` draws with this seed when a fraction of 1 / ``folds`` validates; fold 2 is
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
        held_out = _drawn(table.iloc[left], seed, size).to_numpy() == "validation"
        fold[left[held_out]] = number
        left = left[~held_out]
    return fold


def split_fold(table: pd.DataFrame, fold: int, folds: int = 5, seed: int = 1) -> pd.Series:
    """One fold of :func:`assign_folds` validates and the others train: a series as of :func:`split_faces`."""
    split = np.where(assign_folds(table, folds, seed) == fold, "validation", "train")
    return pd.Series(split, index=table.index, name="split", dtype="str")


def _validation_count(validation_size: int | float, faces: int) -> int:
    number = isinstance(validation_size, numbers.Real) and not isinstance(validation_size, bool)
    if number and 0 < validation_size < 1:
        count = round(faces * validation_size)
    elif number and isinstance(validation_size, numbers.Integral):
        count = int(validation_size)
    else:
        raise InputError(f"validation_size is {validation_size!r}; give a count or a fraction between 0 and 1")
    if not 0 < count < faces:
        raise InputError(
            f"validation_size {validation_size} asks for {count} of {faces} faces, but both sides need at least one"
        )
    return count


def _shares(sizes: np.ndarray, count: int) -> np.ndarray:
    """``count`` divided among strata in proportion to their sizes, by largest remainder; in whole numbers."""
    shares, remainders = np.divmod(sizes * count, sizes.sum())
    shares[np.argsort(-remainders, kind="stable")[: count - shares.sum()]] += 1
    return shares


def _draw_groups(
    groups: list[list[int]], stratum: np.ndarray, wanted: np.ndarray, fraction: float
) -> tuple[list[int], list[list[int]]]:
    """Rows of the groups held out, about a ``fraction`` of all, and the other groups; lowers ``wanted``."""
    allowed = round(fraction * sum(map(len, groups)))
    held_out: list[int] = []
    spare: list[list[int]] = []
    for rows in groups:
        need = np.bincount(stratum[rows], minlength=len(wanted))
        if len(held_out) + len(rows) <= allowed and (need <= wanted).all():
            held_out += rows
            wanted -= need
        else:
            spare.append(rows)
    return held_out, spare


def _draw_singles(rows: np.ndarray, stratum: np.ndarray, wanted: np.ndarray, missing: int) -> list[int]:
    """``missing`` rows, or all if there are fewer: of each stratum the first ``wanted`` ones, then any."""
    # How many rows of the same stratum come before each row in the order drawn.
    before = pd.Series(stratum[rows]).groupby(stratum[rows]).cumcount().to_numpy()
    within = before < wanted[stratum[rows]]
    return np.concatenate([rows[within], rows[~within]])[:missing].tolist()


def _fill_up(groups: list[list[int]], missing: int) -> list[int]:
    """Rows of whole groups, as near to ``missing`` in number as their sizes allow; for tiny sets."""
    reached: dict[int, list[int]] = {0: []}
    for rows in groups:
        for total, chosen in list(reached.items()):
            if total + len(rows) <= missing:
                reached.setdefault(total + len(rows), chosen + rows)
    return reached[max(reached)]
