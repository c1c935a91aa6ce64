"""Labels dealt anew among images, as chance would: what a permutation test compares with."""

from collections.abc import Iterator

import numpy as np

from agegender_lib.evaluation.bootstrap import CHUNK, units_of


def shuffled_blocks(
    labels: np.ndarray,
    duplicate_group: np.ndarray,
    strata: np.ndarray | None = None,
    shuffles: int = 2000,
    seed: int = 0,
) -> Iterator[np.ndarray]:
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
    shuffles, seed
        How many shuffles there are, and their seed.

    Yields
    ------
    ndarray
        [rows, images], of the labels' kind: some shuffles at a time, so that memory does not grow with their number.
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
    place = np.arange(len(images)) - first[unit]
    labels = np.asarray(labels)
    rng = np.random.default_rng(seed)
    step = max(1, CHUNK // max(1, len(images)))
    for start in range(0, shuffles, step):
        rows = min(step, shuffles - start)
        swapped = np.empty((rows, len(kind)), dtype=np.int64)
        # sorting by the kind plus a random share of 1 shuffles every kind in its own places
        swapped[:, home] = np.argsort(kind + rng.random((rows, len(kind))), axis=1)
        dealt = np.empty((rows, len(images)), dtype=labels.dtype)
        dealt[:, images] = labels[images[first[swapped[:, unit]] + place]]
        yield dealt
