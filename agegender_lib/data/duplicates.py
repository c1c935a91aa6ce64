"""Pictures of one photograph under several names.

UTKFace holds them, often with different labels: a split has to keep them on one side, and they show how
far the labels can be trusted. Two faces count as near-duplicates when their 32 x 32 grey thumbnails, each
with its mean taken out and scaled to length one, correlate at ``THRESHOLD`` or more. In the coursework's 5,000 faces
all 48 pairs lie at 0.984 and above and show one photograph each; different people begin at 0.969. About six
photographs that were stored again mirrored or in a clearly other crop or tone are missed.
"""

import hashlib
from tempfile import TemporaryFile

import numpy as np
import pandas as pd
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from agegender_lib.data.decode import LUMA
from agegender_lib.files import read_rows

THRESHOLD = 0.98
THUMBNAIL = 32
_BLOCK = 1024  # images or pairs looked at at once: their pixels as floats are 200 MB
_MANY = 200_000
_GREY = LUMA.astype(np.float32)
_FREQUENCIES = 32  # of 1,024; with these one pair in 20,000 of different faces has to be looked at again


def duplicate_groups(images: np.ndarray) -> np.ndarray:
    """Number the groups of near-duplicates.

    Parameters
    ----------
    images : uint8 [n, 128, 128, 3]

    Returns
    -------
    int64 [n]
        -1 for an image without duplicate, otherwise its group, counted from 0 in order of first appearance. Groups are
        connected components: the first and the last of a chain share one.
    """
    thumbnails = _thumbnails(images)
    # a picture that is there a thousand times would make half a million pairs: its copies only follow the first
    seen: dict[bytes, int] = {}
    digests = (hashlib.blake2b(thumbnail, digest_size=16).digest() for thumbnail in thumbnails)
    first = np.array([seen.setdefault(key, image) for image, key in enumerate(digests)], dtype=np.int64)
    one, other, _ = _similar(thumbnails, np.unique(first))
    links = np.concatenate([one, first]), np.concatenate([other, np.arange(len(images))])
    graph = coo_array((np.ones(len(links[0]), dtype=bool), links), shape=(len(images), len(images)))
    _, component = connected_components(graph, directed=False)
    several = np.bincount(component)[component] > 1
    number = np.full(len(images), -1, dtype=np.int64)
    number[several] = pd.factorize(component[several])[0]
    return number


def duplicate_pairs(table: pd.DataFrame, images: np.ndarray) -> pd.DataFrame:
    """List the pairs of near-duplicates and how their labels differ.

    Parameters
    ----------
    table : pandas.DataFrame
        With the columns file, age (years) and gender; n rows.
    images : uint8 [n, 128, 128, 3]

    Returns
    -------
    pandas.DataFrame
        A row per pair, the most alike first: file_a, file_b, identical (same pixels), similarity
        (correlation, at most 1), age_a, age_b, gender_a, gender_b, age_gap (years, 0 or more).
    """
    first, second, similarity = _similar(_thumbnails(images), np.arange(len(images)))
    found = {
        "file_a": table["file"].to_numpy()[first],
        "file_b": table["file"].to_numpy()[second],
        "identical": np.array(
            [np.array_equal(images[a], images[b]) for a, b in zip(first, second, strict=True)], dtype=bool
        ),
        # Rounded: the last digits of a matrix product depend on the machine.
        "similarity": similarity.astype(float).round(4),
    }
    for label in ("age", "gender"):
        found[f"{label}_a"] = table[label].to_numpy()[first]
        found[f"{label}_b"] = table[label].to_numpy()[second]
    found["age_gap"] = np.abs(found["age_a"] - found["age_b"])
    order = ["identical", "similarity", "file_a", "file_b"]
    return pd.DataFrame(found).sort_values(order, ascending=[False, False, True, True], ignore_index=True)


def _similar(thumbnails: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs of rows ``among`` thumbnails that correlate at ``THRESHOLD`` or more: smaller row, larger, how much.

    All of them, without comparing each with each in full. Thumbnails are vectors of length one, so that a correlation
    of c is a distance of sqrt(2 - 2 c); an orthonormal transform keeps distances, and leaving coordinates out only
    shortens them. So no pair is lost when only those are compared in full whose few lowest frequencies lie
    within that distance (Agrawal, Faloutsos and Swami 1993).
    """
    # what single precision rounds off is far smaller than this allowance
    reach = np.sqrt(2 - 2 * THRESHOLD + 1e-5) + 1e-4
    waves, steps = _lowest_frequencies(), range(0, len(thumbnails), _BLOCK)
    points = np.concatenate([thumbnails[start : start + _BLOCK] @ waves for start in steps] or [waves[:0]])[among]
    pairs = among[_within(points, reach)]  # in order, because these rows are
    correlation = np.empty(len(pairs), dtype=np.float32)
    for start in range(0, len(pairs), _BLOCK):
        one, other = pairs[start : start + _BLOCK].T
        correlation[start : start + _BLOCK] = np.einsum("ij,ij->i", thumbnails[one], thumbnails[other])
    alike = correlation >= THRESHOLD
    return *pairs[alike].T, np.minimum(correlation[alike], 1)


def _within(points: np.ndarray, reach: float) -> np.ndarray:
    """The pairs of points that are at most so far apart, int64 [m, 2]: all of them.

    Compared are only those that are so near along the three axes on which points are spread most: sorted along one
    within cells of the others, a twentieth of all pairs of faces.
    """
    if not len(points):
        return np.zeros((0, 2), dtype=np.int64)
    along, *across = points.T[np.argsort(-points.std(axis=0), kind="stable")[:3]]
    cells = np.floor(np.column_stack(across) / reach).astype(int)
    order = np.lexsort((along, *cells.T[::-1]))
    numbers, firsts = np.unique(cells[order], axis=0, return_index=True)
    ends = dict(zip(map(tuple, numbers), zip(firsts, [*firsts[1:], len(points)], strict=True), strict=True))
    found = []
    for (one, two), (first, last) in ends.items():
        # each pair of neighbouring cells once
        beside = [ends.get((one + i, two + j), (0, 0)) for i, j in ((0, 1), (1, -1), (1, 0), (1, 1))]
        for start in range(first, last, _BLOCK):
            rows = order[start : min(start + _BLOCK, last)]
            low, high = along[rows[[0, -1]]] + (-reach, reach)
            for begin, end in ((start, last), *beside):
                others = order[begin:end]
                others = others[slice(*np.searchsorted(along[others], [low, high]))]
                products = points[rows] @ points[others].T
                apart = (points[rows] ** 2).sum(axis=1)[:, None] + (points[others] ** 2).sum(axis=1) - 2 * products
                at, beyond = np.nonzero(apart <= reach**2)
                found.append(np.column_stack([rows[at], others[beyond]]))
    pairs = np.unique(np.sort(np.concatenate(found), axis=1), axis=0)
    return pairs[pairs[:, 0] != pairs[:, 1]]  # every point meets itself


def _lowest_frequencies() -> np.ndarray:
    """float32 ``[1024, 32]``: orthonormal columns, a thumbnail's lowest waves but the mean, which is out already."""
    waves = dctn(np.eye(THUMBNAIL**2).reshape(-1, THUMBNAIL, THUMBNAIL), axes=(1, 2), norm="ortho")
    down, across = np.divmod(np.arange(THUMBNAIL**2), THUMBNAIL)
    lowest = np.argsort(down**2 + across**2, kind="stable")[1 : _FREQUENCIES + 1]
    return waves.reshape(len(waves), -1)[:, lowest].astype(np.float32)


def _thumbnails(images: np.ndarray) -> np.ndarray:
    """float32 ``[n, 1024]``: grey means of 4 x 4 pixels, without their mean, of length one."""
    shape = len(images), THUMBNAIL * THUMBNAIL
    # 4 KB each: those of a million would fill the memory
    small = np.empty(shape, np.float32) if len(images) < _MANY else np.memmap(TemporaryFile(), np.float32, shape=shape)
    step = images.shape[1] // THUMBNAIL
    for start in range(0, len(images), _BLOCK):
        grey = read_rows(images, slice(start, start + _BLOCK)).astype(np.float32) @ _GREY
        cells = grey.reshape(len(grey), THUMBNAIL, step, THUMBNAIL, step).mean(axis=(2, 4)).reshape(len(grey), -1)
        cells -= cells.mean(axis=1, keepdims=True)
        # An image of one flat colour has nothing to correlate: all of those are taken for the same.
        cells[cells.std(axis=1) < 0.1] = 1.0
        small[start : start + _BLOCK] = cells / np.linalg.norm(cells, axis=1, keepdims=True)
    return small
