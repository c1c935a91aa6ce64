"""Labels dealt anew among images, as chance would: what a permutation test compares with."""

import numpy as np

from agegender_lib.evaluation.bootstrap import units_of


def shuffled(
    labels: np.ndarray,
    duplicate_group: np.ndarray,
    strata: np.ndarray | None = None,
    seed: int = 0,
    shuffles: int = 2000,
) -> np.ndarray:
    """The labels dealt anew many times; near-duplicates are one observation and swap theirs together.

    What may be exchanged under the null hypothesis is a whole duplicate group with another of its size; with
    ``strata``, of the same size and the same strata (Winkler et al. 2015, "multi-level block permutation").

    Parameters
    ----------
    labels
        Of any kind, [images].
    duplicate_group
        int [images]; -1 for an image without duplicates.
    strata
        int [images]; labels change places within a stratum only. All images are one when left out.
    seed, shuffles
        Seed of the shuffles and how many there are.

    Returns
    -------
    ndarray
        [shuffles, images], of the labels' kind.
    """
    strata = np.zeros(len(labels), dtype=np.int64) if strata is None else np.asarray(strata)
    group = units_of(duplicate_group)
    images = np.lexsort((strata, group))  # a unit's images side by side, in the order of their strata
    _, first, unit, sizes = np.unique(
        group[images], return_index=True, return_inverse=True, return_counts=True
    )
    kinds: dict[tuple[int, ...], int] = {}
    kind = np.array(
        [
            kinds.setdefault(tuple(strata[images[start : start + size]]), len(kinds))
            for start, size in zip(first, sizes, strict=True)
        ]
    )
    home = np.argsort(kind, kind="stable")
    rng = np.random.default_rng(seed)
    swapped = np.empty((shuffles, len(kind)), dtype=np.int64)
    # sorting by the kind plus a random share of 1 shuffles every kind in its own places
    swapped[:, home] = np.argsort(kind + rng.random((shuffles, len(kind))), axis=1)
    place = np.arange(len(images)) - first[unit]
    labels = np.asarray(labels)
    dealt = np.empty((shuffles, len(images)), dtype=labels.dtype)
    dealt[:, images] = labels[images[first[swapped[:, unit]] + place]]
    return dealt
