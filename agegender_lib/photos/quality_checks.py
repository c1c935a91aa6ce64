"""When a prediction deserves less trust: the face is small, blurred, not frontal, truncated, or a child's.

Every limit is a percentile over 1,000 of the coursework's own training crops, so that a warning means "unlike nearly
all faces the models learned from". The exception is "small", for all training crops have one size: its limit is where
ModelF's error began to grow when 300 validation crops were shrunk and enlarged again.
"""

import numpy as np

from agegender_lib.data.decode import LUMA
from agegender_lib.photos.alignment import SIDE, TEMPLATE, inverse, similarity

#: Pixels of the photo along the crop's side below which the crop is enlarged too much: the mean absolute age error was
#: 4.1 years at 128 and at 64 pixels, 4.2 at 48, 4.4 at 40, 4.8 at 32 and 5.5 at 24.
SMALL = 40.0
#: Variance of the Laplacian below which a crop is blurred: the 5th percentile. ModelF has an MAE of 5.0 years on the
#: validation faces below it and of 4.3 on the others.
BLURRED = 26.1
#: Where the nose lies across the face, in eye distances from its usual place: the 98th percentile. Such faces are
#: rare in the data, not known to be read worse.
YAW = 0.31
#: Where it lies between eyes and mouth, as a fraction of that distance, from its usual place: the 98th percentile.
PITCH = 0.22
#: Fraction of the crop that lies outside the photo: the 99th percentile of what is black at the training crops' edges.
TRUNCATED = 0.12
#: Years of the predicted age below which P(female) is hardly more than a guess: ModelF predicts the labelled gender of
#: 80 % of the validation faces below it, and of 98 % of the others.
CHILD = 10.0
CHILD_WARNING = "gender uncertain under ten"
_USUAL_ACROSS, _USUAL_DOWN = -0.008, 0.578
_INNER = slice(16, 112)


def quality_warnings(
    crop: np.ndarray, landmarks: np.ndarray | None, transform: np.ndarray, size: tuple[int, int]
) -> list[str]:
    """What speaks against trusting a prediction: of "small", "blurred", "not frontal", "truncated".

    A small face is always blurred, so that is not said again.

    Parameters
    ----------
    landmarks : float [5, 2] or None
        None where nothing was detected; then it is not said whether the face is frontal.
    transform : float [2, 3]
        From pixels of the photo, whose height and width are ``size``, to the crop's.
    """
    found = []
    if SIDE * np.hypot(*inverse(transform)[:, 0]) < SMALL:
        found.append("small")
    elif sharpness(crop) < BLURRED:
        found.append("blurred")
    if landmarks is not None:
        across, down = turn(landmarks)
        if abs(across) > YAW or abs(down) > PITCH:
            found.append("not frontal")
    if outside(transform, size) > TRUNCATED:
        found.append("truncated")
    return found


def sharpness(crop: np.ndarray) -> float:
    """The variance of the Laplacian of the crop's inner three quarters (Pech-Pacheco et al. 2000, ICPR, LAPV).

    In squared grey levels (0 to 255). The edges are left out, for what lies outside a photo is black.
    """
    grey = crop[_INNER, _INNER].astype(np.float64) @ LUMA
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * grey[1:-1, 1:-1]).var())


def turn(landmarks: np.ndarray) -> tuple[float, float]:
    """How far the nose lies from its usual place: sideways in eye distances, and as a fraction of eyes to mouth."""
    upright = similarity(landmarks[:2], TEMPLATE[:2])
    points = landmarks @ upright[:, :2].T + upright[:, 2]
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    across = (points[2, 0] - eyes[0]) / (points[1, 0] - points[0, 0])
    # a mouth at the height of the eyes is a detector's error
    depth = max(mouth[1] - eyes[1], 1.0)
    return float(across - _USUAL_ACROSS), float((points[2, 1] - eyes[1]) / depth - _USUAL_DOWN)


def outside(transform: np.ndarray, size: tuple[int, int]) -> float:
    """The fraction of the crop that lies outside a photo of this height and width, 0 to 1."""
    pixels = np.stack(np.mgrid[:SIDE, :SIDE][::-1], axis=-1) + 0.5
    back = inverse(transform)
    places = pixels @ back[:, :2].T + back[:, 2]
    return float(((places < 0) | (places > size[::-1])).any(axis=-1).mean())
