"""From a photograph to its faces with ages and genders."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from agegender_lib import folders
from agegender_lib.errors import InputError

from .detector import FaceDetector
from .framing import SIDE, corners, crop, frame
from .pictures import Source, open_picture

COLUMNS = (
    "left", "top", "width", "height", "confidence", "age", "age_low", "age_high", "p_female", "warnings"
)  # fmt: skip


@dataclass
class Photo:
    """A photograph and its faces.

    Attributes
    ----------
    pixels : uint8 [h, w, 3]
        RGB, upright, shrunk to a longer side of 2,048 pixels where it has more.
    faces : DataFrame
        A row per face, largest first: ``left, top, width, height`` (int, pixels of ``pixels``), ``confidence`` (of the
        detector, 0 to 1), ``age, age_low, age_high`` (years; the 80 % interval), ``p_female`` (0 to 1), ``warnings``
        (short phrases joined by "; ", or ""). No row where there is no face.
    crops : uint8 [n, 128, 128, 3]
        The faces in UTKFace's frame.
    frames : float64 [n, 4, 2]
        Each crop's corners in ``pixels``, clockwise, the first one the crop's upper left.
    corrected : bool
        Whether the intervals were corrected on held-out faces, so that 80 % of them hold the age.
    """

    pixels: np.ndarray
    faces: pd.DataFrame
    crops: np.ndarray
    frames: np.ndarray
    corrected: bool = False
    attention: dict[str, np.ndarray] = field(default_factory=dict, repr=False)


class PhotoReader:
    """Reads faces, ages and genders from photographs; loads the detector and a model once.

    Parameters
    ----------
    model : str or Path
        A ``.keras`` or ``.h5`` file of this project.

    Raises
    ------
    InputError
        See ``models.load_model``.
    """

    def __init__(self, model: str | Path = folders.MODELS / "age_gender_F.keras"):
        # Keras takes seconds to import
        from agegender_lib.models import load_model

        self.model = load_model(model)
        self.corrected = False
        self._detector = None

    def read(self, source: Source, framed: bool = False) -> Photo:
        """Find the faces of a picture and read them.

        Parameters
        ----------
        source
            See :func:`open_picture`.
        framed : bool
            The picture is one face framed like UTKFace's already: no detection.

        Returns
        -------
        Photo

        Raises
        ------
        InputError
            If it is no picture that can be read, or, with ``framed``, not a square.
        """
        pixels = open_picture(source)
        height, width = pixels.shape[:2]
        if framed:
            if width != height:
                raise InputError(
                    f"a picture of {width} x {height} pixels is not framed like UTKFace's squares"
                )
            crops = np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC))[None]
            boxes, confidence = np.array([[0, 0, width, height]]), np.ones(1)
            frames = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
        else:
            self._detector = self._detector or FaceDetector()
            found = self._detector.find(pixels)
            transforms = [frame(points) for points in found.landmarks]
            crops = np.array([crop(pixels, one) for one in transforms], np.uint8).reshape(-1, SIDE, SIDE, 3)
            frames = np.array([corners(one) for one in transforms]).reshape(-1, 4, 2)
            boxes, confidence = found.boxes, found.confidence
        faces = self._table(boxes, confidence, crops, height, width)
        return Photo(pixels, faces, crops, frames, self.corrected)

    def attention(self, photo: Photo, task: str = "age") -> np.ndarray:
        """Where the model looks on each face, see ``models.grad_cam``; float32 [n, 128, 128], the most being 1."""
        from agegender_lib.models import grad_cams

        if not photo.attention:
            found = grad_cams({"": self.model}, photo.crops, batch_size=max(1, min(len(photo.crops), 16)))
            for (_, one), maps in found.items():
                most = maps.max(axis=(1, 2), keepdims=True, initial=0)
                photo.attention[one] = np.divide(maps, most, out=np.zeros_like(maps), where=most > 0)
        return photo.attention[task]

    def _table(self, boxes, confidence, crops, height, width) -> pd.DataFrame:
        from agegender_lib.models import predict

        answers = predict(self.model, crops, batch_size=max(1, len(crops)))
        ends = np.column_stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]).round()
        ends = np.clip(ends, 0, [width, height, width, height]).astype(int)
        age = answers["age_predicted"].to_numpy(np.float64)
        columns = (
            *ends[:, :2].T, *(ends[:, 2:] - ends[:, :2]).T, confidence, age, age - 6, age + 6,
            answers["p_female"].to_numpy(np.float64), [""] * len(crops),
        )  # fmt: skip
        return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
