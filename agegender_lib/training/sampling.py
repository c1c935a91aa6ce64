"""Sampling that balances: which faces an epoch trains on, so that no group of them is seen more often than another."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from agegender_lib.data import race_names

#: Of one group: its rows, and how many of them an epoch draws.
Quota = tuple[np.ndarray, int]


def race_quotas(table: pd.DataFrame) -> list[Quota]:
    """How many faces of every race group an epoch draws: of all together as many as there are.

    Sources share an epoch in proportion to the square roots of their sizes, so that a large one does not drown a small
    one (sampling with temperature 2: Arivazhagan et al. 2019, arXiv 1907.05019), and the race groups of a
    source share alike, give or take a face. Balanced inside each source, since names of races mean something else in
    each. Faces without a race are a group of their own.
    """
    source = table["source"].to_numpy() if "source" in table else np.zeros(len(table), int)
    parts = [part for _, part in pd.Series(np.arange(len(table))).groupby(source)]
    roots = np.sqrt([len(part) for part in parts])
    ends = np.rint(len(table) * np.cumsum(roots) / roots.sum()).astype(int)
    quotas: list[Quota] = []
    for part, size in zip(parts, np.diff(ends, prepend=0), strict=True):
        race = np.asarray(race_names(table["race"].iloc[part]), str)
        groups = [group.to_numpy() for _, group in part.groupby(race)]
        shares = np.array_split(np.arange(size), len(groups))
        quotas += [(group, len(share)) for group, share in zip(groups, shares, strict=True)]
    return quotas


def balanced_draw(quotas: Sequence[Quota], seed: int, epoch: int) -> np.ndarray:
    """The rows of an epoch in an order that depends on nothing but ``seed`` and ``epoch``, int [sum of the quotas].

    A group is gone through in shuffled passes, one after the other, and each epoch takes up where the one before it
    stopped: no face is seen a second time, or a third, before all of its group have been.
    """
    drawn = []
    for number, (rows, quota) in enumerate(quotas):
        first, size = epoch * quota, len(rows)
        passes = range(first // size, (first + quota - 1) // size + 1)
        order = [np.random.default_rng([seed, number, turn, 1]).permutation(rows) for turn in passes]
        drawn.append(np.concatenate([rows[:0], *order])[first % size :][:quota])
    return np.random.default_rng([seed, epoch]).permutation(np.concatenate(drawn))
