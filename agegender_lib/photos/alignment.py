"""Face alignment: a face of a photograph in UTKFace's frame, by its eyes, nose and mouth."""

import math

import numpy as np
from PIL import Image

SIDE = 128
#: Where the detector finds the eye to the left, the eye to the right, the nose and the mouth's left and right corner in
#: UTKFace's frame, and how far it spreads there (pixels of 128): medians, and root mean squares of half the central
#: 68 % in x and y, over 997 of 1,000 random training faces of the coursework's 5,000, put into photos by
#: :func:`end_to_end.place_face`. Then stretched by 0.8 %, so that half of these faces come out too large: the scale of
#: least squares is too small where landmarks scatter.
TEMPLATE = np.array([[37.99, 37.34], [88.39, 37.30], [63.04, 67.00], [40.65, 89.01], [85.50, 88.92]])
SPREAD = np.array([1.81, 1.84, 3.45, 3.69, 3.80])


def similarity(source: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """The rotation, scale and shift that bring ``source`` closest to ``target`` in the sense of least squares.

    Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns", IEEE TPAMI 13(4),
    equations 40 to 43, with means, variance and covariance weighted.

    Returns
    -------
    float64 [2, 3]
        The matrix M with ``target ~ M[:, :2] @ source + M[:, 2]``; never a mirror image.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    weights = np.ones(len(source)) if weights is None else np.asarray(weights, np.float64)
    weights = weights / weights.sum()
    from_mean, to_mean = weights @ source, weights @ target
    centred, wanted = source - from_mean, target - to_mean
    u, size, v = np.linalg.svd((wanted * weights[:, None]).T @ centred)
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(v))])
    rotation = u * sign @ v
    scale = (size * sign).sum() / (weights @ (centred**2).sum(axis=1))
    return np.column_stack([scale * rotation, to_mean - scale * rotation @ from_mean])


def inverse(transform: np.ndarray) -> np.ndarray:
    """The similarity that undoes ``transform``, both float [2, 3]."""
    back = np.linalg.inv(transform[:, :2])
    return np.column_stack([back, -back @ transform[:, 2]])


def aligning_transform(landmarks: np.ndarray) -> np.ndarray:
    """Where UTKFace's frame lies around a face with these landmarks: from pixels of the photo to those of the crop.

    A landmark counts by the inverse of its variance in UTKFace's frame: a mouth that smiles or a nose of a turned face
    says less about the frame than the eyes.
    """
    return similarity(landmarks, TEMPLATE, 1 / SPREAD**2)


def corners(transform: np.ndarray) -> np.ndarray:
    """The crop's corners in the photo, clockwise from the upper left one of the crop; float64 [4, 2]."""
    square = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]], np.float64)
    back = inverse(transform)
    return square @ back[:, :2].T + back[:, 2]


def crop(photo: Image.Image, transform: np.ndarray, size: tuple[int, int] = (SIDE, SIDE)) -> np.ndarray:
    """The face in UTKFace's frame; what lies outside the photo is black, as it is in UTKFace.

    The photo is sampled (bicubic) about as finely as it is, and then shrunk to its size with antialiasing, as the
    coursework's files were from UTKFace's. ``photo`` is in RGB, ``transform`` as :func:`aligning_transform` returns it.
    """
    back = inverse(transform)
    finer = max(1, math.ceil(math.hypot(*back[:, 0]) - 1e-6))
    steps = back / [finer, finer, 1]
    image = photo.transform(
        (size[0] * finer, size[1] * finer), Image.Transform.AFFINE, steps.ravel(), Image.Resampling.BICUBIC
    )
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC))
