"""Sampling that balances: which faces an epoch trains on, so that no group of them is seen more often than another."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from agegender_lib.data import race_names

#: Of one group: its rows, and how many of them an epoch draws.
Quota = tuple[np.ndarray, int]


def race_quotas(table: pd.DataFrame) -> list[Quota]:
    """How many faces of every race group an epoch draws: as many as there are, and within a source of each the same
    number, give or take one.

    Sources keep their proportions: names of races mean something else in each, and one that names seven groups would
    weigh more than one that names five. Faces without a race are a group of their own.
    """
    source = table["source"].to_numpy() if "source" in table else np.zeros(len(table), int)
    rows = pd.Series(np.arange(len(table)))
    quotas: list[Quota] = []
    for _, members in rows.groupby(source):
        race = np.asarray(race_names(table["race"].iloc[members]), str)
        groups = [group.to_numpy() for _, group in members.groupby(race)]
        shares = np.array_split(np.arange(len(members)), len(groups))
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
