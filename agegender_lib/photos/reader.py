"""From photographs to their faces with ages and genders."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from threading import Lock

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from agegender_lib import folders
from agegender_lib.data.filenames import printable
from agegender_lib.errors import InputError
from agegender_lib.photos.alignment import SIDE, aligning_transform, corners, crop
from agegender_lib.photos.detector import FaceDetector, find_turned
from agegender_lib.photos.intervals import corrections_file, intervals, read_corrections
from agegender_lib.photos.pictures import Source, read_picture
from agegender_lib.photos.quality_checks import CHILD, CHILD_WARNING, quality_warnings

DEFAULT_MODEL = folders.MODELS / "age_gender_P.keras"
#: Photos whose faces are read together; as many again are decoded and searched meanwhile.
PHOTOS = 8
# A few sizes of batches only, so that the graph is traced a few times only.
_BATCHES = (1, 2, 4, 8, 16)
_THREADS = min(PHOTOS, max(2, os.cpu_count() or 1))
_BOX, _PREDICTED = ["left", "top", "width", "height"], ["age", "age_low", "age_high", "p_female"]
#: Of a photo's table of faces.
COLUMNS = [*_BOX, "confidence", *_PREDICTED, "warnings"]


@dataclass(frozen=True)
class Photo:
    """A photograph and its faces."""

    #: RGB, uint8 [h, w, 3], upright as the camera said or else as faces are found, shrunk to a longer side of 2,048
    #: pixels where it has more.
    pixels: np.ndarray
    #: A row per face, largest first: ``left, top, width, height`` (int, pixels of ``pixels``), ``confidence`` (of the
    #: detector, 0 to 1; NaN where nothing was detected because the picture was aligned already), ``age, age_low,
    #: age_high`` (years; the 80 % interval, NaN where the model has none), ``p_female`` (0 to 1), ``warnings`` (of
    #: ``quality_checks.quality_warnings``, and that of a child, joined by "; ", or ""). No row where no face is found.
    faces: pd.DataFrame
    #: The faces in UTKFace's frame, uint8 [n, 128, 128, 3]; black where that reaches beyond the photo.
    crops: np.ndarray
    #: x and y of each crop's corners in ``pixels``, float64 [n, 4, 2], clockwise from the crop's upper left one.
    frames: np.ndarray
    #: Whether the intervals are corrected on held-out faces: see ``intervals.write_corrections``.
    corrected: bool
    #: What was assumed or done to read it, such as "one of its 3 frames is read".
    notes: tuple[str, ...] = ()
    _saliency: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)


class PhotoReader:
    """Reads faces, ages and genders from photographs; loads a model and the detector once.

    Faces are found by MTCNN at a longer side of 1,024 pixels, where the least has 20: in a photo of 4,000 pixels about
    80, or 40 where it is searched again because none or small ones are found. It finds upright faces and those rotated
    by up to some 30 degrees; where it finds none, the photo is turned. Its ``interval_note`` says what the 80 %
    intervals are worth.

    Parameters
    ----------
    model
        A ``.keras`` or ``.h5`` file of this project.
    detector
        Anything with the method ``find``; a :class:`FaceDetector` is loaded when first needed if left out.
    """

    def __init__(self, model: str | Path = DEFAULT_MODEL, detector: FaceDetector | None = None):
        # Keras takes seconds to import
        from agegender_lib.inference.age_distributions import with_age_distribution
        from agegender_lib.models import load_model

        self.model = load_model(model)
        self._detector = detector
        self._explained = None
        self._loading = Lock()
        self._correction = read_corrections(model, self.model)
        self._network = with_age_distribution(self.model) or self.model
        self.interval_note = self._note(Path(model))

    def read(self, source: Source, aligned: bool = False) -> Photo:
        """Find the faces of a picture, see ``pictures.read_picture``, and read them.

        With ``aligned`` it is one face aligned like UTKFace's, a square of any size: nothing is detected, and it is
        not said whether the face is frontal.

        Raises
        ------
        InputError
            If it is not a picture that can be read, or, with ``aligned``, not a square.
        """
        return self._predicted([self._detected(source, aligned)])[0]

    def read_all(
        self, sources: Iterable[Source | InputError], aligned: bool = False, progress: int = 0
    ) -> Iterator[tuple[Source | InputError, Photo | InputError]]:
        """:meth:`read` of many, in their order, the faces of several photos in one batch.

        While the faces of some photos are read, threads decode and search the next ones. Each source comes with its
        photo, or, where it cannot be read, the InputError that says why; it may be one already. ``progress`` is how
        many there are where a bar is to count them.
        """

        def detected(source: Source | InputError) -> Photo | InputError:
            try:
                return source if isinstance(source, InputError) else self._detected(source, aligned)
            except InputError as error:
                return error

        left = iter(sources)
        bar = tqdm(desc="photos", total=progress, unit="photo", disable=not progress or None, mininterval=0.5)
        threads = ThreadPoolExecutor(_THREADS)
        try:
            ahead = deque((source, threads.submit(detected, source)) for source in islice(left, 2 * PHOTOS))
            while ahead:
                batch = [ahead.popleft() for _ in range(min(PHOTOS, len(ahead)))]
                found = [task.result() for _, task in batch]
                ahead.extend((source, threads.submit(detected, source)) for source in islice(left, PHOTOS))
                photos = iter(self._predicted([one for one in found if isinstance(one, Photo)]))
                for (source, _), one in zip(batch, found, strict=True):
                    yield source, next(photos) if isinstance(one, Photo) else one
                    bar.update()
        finally:
            threads.shutdown(cancel_futures=True)
            bar.close()

    def saliency(self, photo: Photo, task: str = "age") -> np.ndarray:
        """Grad-CAM of each face: where the model finds its "age" or "gender"; see ``inference.grad_cams``.

        float32 [n, 128, 128], 0 to 1, the most of each face being 1. Both tasks are computed at once and kept with the
        photo; the first face of all takes some seconds.
        """
        if not photo._saliency:
            photo._saliency.update(self.task_maps(photo.crops))
        return photo._saliency[task]

    def task_maps(self, crops: np.ndarray) -> dict[str, np.ndarray]:
        """Both tasks' maps of :meth:`saliency` for faces, uint8 [n, 128, 128, 3]."""
        from agegender_lib.inference.grad_cam import TASKS, explainer

        if len(crops) and self._explained is None:
            self._explained = explainer(self.model)
        # one at a time: the graph that is traced for the first face serves all
        maps = [self._explained(one[None]) for one in crops]
        both = np.concatenate([np.zeros((2, 0, SIDE, SIDE), np.float32), *maps], axis=1)
        most = both.max(axis=(2, 3), keepdims=True, initial=0)
        return dict(zip(TASKS, np.divide(both, most, out=np.zeros_like(both), where=most > 0), strict=True))

    def _note(self, model: Path) -> str:
        if self._correction:
            return (
                f"80 % intervals, corrected on {self._correction['faces']:,} held-out faces of "
                f"{self._correction['made_from']}."
            )
        if len(self._network.outputs) == 3:
            return f"80 % intervals as the model itself gives them: {corrections_file(model)} does not correct them."
        return f"No intervals: the model gives none, and {corrections_file(model)} holds none for it."

    def _detected(self, source: Source, aligned: bool) -> Photo:
        """The photo with its faces, of which nothing is read yet."""
        pixels, notes = read_picture(source)
        height, width = pixels.shape[:2]
        if aligned:
            if abs(width - height) > 1:
                name = printable(str(source)) if isinstance(source, (str, Path)) else "the picture"
                raise InputError(
                    f"{name} has {width} x {height} pixels and UTKFace's frame is a square: crop it, or let "
                    "faces be found (leave out --aligned)"
                )
            boxes, confidence = np.array([[0.0, 0.0, width, height]]), np.array([np.nan])
            transforms = np.array([[[SIDE / width, 0, 0], [0, SIDE / height, 0]]])
            crops = np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC))[None]
            landmarks = [None]
        else:
            with self._loading:
                if self._detector is None:
                    self._detector = FaceDetector()
            pixels, found, turned = find_turned(self._detector, pixels)
            notes += filter(None, [turned])
            boxes, confidence, landmarks = found.boxes, found.confidence, list(found.landmarks)
            transforms = [aligning_transform(points) for points in landmarks]
            photo = Image.fromarray(pixels)
            crops = np.array([crop(photo, one) for one in transforms], np.uint8).reshape(-1, SIDE, SIDE, 3)
        size = height, width = pixels.shape[:2]
        words = ["; ".join(quality_warnings(*face, size)) for face in zip(crops, landmarks, transforms, strict=True)]
        frames = np.array([corners(one) for one in transforms], np.float64).reshape(-1, 4, 2)
        first, last = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
        first, last = (np.clip(ends.round(), 0, [width, height]).astype(int) for ends in (first, last))
        faces = pd.DataFrame(np.column_stack([first, last - first]), columns=_BOX)
        faces = faces.assign(confidence=np.asarray(confidence, np.float64), warnings=np.array(words, dtype=str))
        return Photo(pixels, faces, crops, frames, self._correction is not None, tuple(notes))

    def _predicted(self, photos: list[Photo]) -> list[Photo]:
        """The photos with what the model says of their faces, all of which it sees together."""
        crops = np.concatenate([np.empty((0, SIDE, SIDE, 3), np.uint8), *(photo.crops for photo in photos)])
        p_female, age, *distribution = self._answers(crops)
        low, high = intervals(age[:, 0], distribution[0] if distribution else None, self._correction)
        predictions = np.column_stack([age[:, 0], low, high, p_female[:, 0]]).astype(np.float64)
        ends = np.cumsum([len(photo.crops) for photo in photos])[:-1]
        found = []
        for photo, own in zip(photos, np.split(predictions, ends), strict=False):
            faces = photo.faces.assign(**dict(zip(_PREDICTED, own.T, strict=True)))
            child = faces["age"] < CHILD
            faces.loc[child, "warnings"] = [
                f"{each}; {CHILD_WARNING}".lstrip("; ") for each in faces["warnings"][child]
            ]
            found.append(replace(photo, faces=faces[COLUMNS]))
        return found

    def _answers(self, crops: np.ndarray) -> list[np.ndarray]:
        """The network's outputs for faces, uint8 [n, 128, 128, 3]: in full batches, and a smaller one for the rest."""
        from agegender_lib.models.predict import as_floats, in_batches

        most, answers = _BATCHES[-1], []
        for start in range(0, max(len(crops), 1), most):
            part = crops[start : start + most]
            size = next(size for size in _BATCHES if size >= len(part))
            answers.append(in_batches(lambda batch: self._network.predict_on_batch(as_floats(batch)), part, size))
        return [np.concatenate(each) for each in zip(*answers, strict=True)]
