"""What UTKFace's crops are like, from which the frame's template and the warnings' limits were taken."""

import numpy as np
import pandas as pd
from tqdm import tqdm

from .detector import FaceDetector
from .warnings import sharpness, turn

#: Black pixels put around a crop, so that the detector sees a face smaller than the picture.
_MARGIN = 64
_BLACK = 6
POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


def measure_frames(images: np.ndarray, detector: FaceDetector, progress: bool = False) -> pd.DataFrame:
    """Landmarks, sharpness, turn and black edges of faces framed like UTKFace's.

    ``framing.TEMPLATE`` is the median of the landmarks over 1,000 random training faces of the coursework's 5,000 (seed
    0), ``framing.SPREAD`` half the distance between their 16th and 84th percentile, root mean square over x and y;
    the limits in ``warnings`` are percentiles of the other columns.

    Parameters
    ----------
    images : uint8 [n, 128, 128, 3]
        Training faces: what is measured on them must not know the faces that models are judged by.
    detector : FaceDetector
    progress : bool
        Show a bar on standard error.

    Returns
    -------
    DataFrame
        A row per image: ``found`` (bool), ``confidence``, ``left_eye_x, left_eye_y, ...`` of ``POINTS`` (pixels of the
        crop) and ``sideways, up_down`` (see ``warnings.turn``), NaN where no face is found; ``sharpness``; ``black``
        (share of pixels that are black and connected to a black edge).
    """
    rows = []
    for image in tqdm(images, desc="measuring faces", unit="face", disable=not progress or None):
        found = detector.find(np.pad(image, ((_MARGIN, _MARGIN), (_MARGIN, _MARGIN), (0, 0))))
        row = {"found": len(found) > 0, "sharpness": sharpness(image), "black": _black_edges(image)}
        if len(found):
            points = found.landmarks[0] - _MARGIN
            row["confidence"] = found.confidence[0]
            row |= {
                f"{name}_{axis}": value
                for name, point in zip(POINTS, points, strict=True)
                for axis, value in zip("xy", point, strict=True)
            }
            row["sideways"], row["up_down"] = turn(points)
        rows.append(row)
    columns = [f"{name}_{axis}" for name in POINTS for axis in "xy"]
    return pd.DataFrame(
        rows, columns=["found", "confidence", *columns, "sideways", "up_down", "sharpness", "black"]
    )


def template_of(measured: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The template and the spread of the landmarks in the table of :func:`measure_frames`; float [5, 2] and [5]."""
    points = measured.loc[measured["found"], [f"{name}_{axis}" for name in POINTS for axis in "xy"]]
    low, middle, high = np.quantile(points.to_numpy(np.float64), [0.16, 0.5, 0.84], axis=0).reshape(3, 5, 2)
    return middle, np.sqrt((((high - low) / 2) ** 2).mean(axis=1))


def _black_edges(image: np.ndarray) -> float:
    """The share of pixels that are black and hang together with a black run along most of an edge."""
    from scipy import ndimage

    parts, _ = ndimage.label(image.max(axis=2) <= _BLACK)
    edges = parts[0], parts[-1], parts[:, 0], parts[:, -1]
    kept = {
        part for edge in edges for part, count in zip(*np.unique(edge, return_counts=True), strict=True)
        if part and count >= 100
    }  # fmt: skip
    return float(np.isin(parts, list(kept)).mean()) if kept else 0.0
