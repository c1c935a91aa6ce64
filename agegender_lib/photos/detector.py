"""Faces in a photograph: where they are, and where their eyes, nose and mouth corners are."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image
from scipy import sparse

from agegender_lib.photos.alignment import aligning_transform, crop, inverse

#: Pixels of the longer side at which a photo is searched. The least face that is found has 20 pixels there.
SEARCHED_SIDE = 1024
#: Confidence of the detector's last stage below which a find is not a face, and what it must be once more upright.
CONFIDENCE, UPRIGHT_CONFIDENCE = 0.6, 0.9
#: Pixels of the longer side at which a photo is searched again for small faces.
FINE_SIDE = 2048
#: Pixels of a face, where it is searched, from which on smaller ones are to be expected.
_SMALL = 30
#: Up to this many pixels a picture may be one face, which is missed where it touches the edges.
_CROP_SIDE = 512
#: Pixels of the longer side at which is tried which side of a photo is up, by quarter turns to the left.
_TURNED_SIDE, _TURNS = 640, {1: "to the left", 3: "to the right", 2: "upside down"}
_LEAST_SIDE, _LEAST_FACE, _STEP, _PROPOSED = 64, 20, 0.709, 0.6  # the package's own values
# The square of UTKFace's frame, in pixels of 128, in which the last stage sees a face again once it is upright.
_SQUARE, _CENTRE, _SEEN = 120, (62.5, 56.0), 48


@dataclass(frozen=True)
class Found:
    """Faces of one photo, largest first."""

    #: Left, top, width, height in pixels of the photo, float64 [n, 4]; may reach beyond its edges.
    boxes: np.ndarray
    #: 0 to 1, float64 [n].
    confidence: np.ndarray
    #: x and y of the eye to the left in the picture, the eye to the right, the nose, the mouth's left and right corner,
    #: float64 [n, 5, 2]; the centre of the first pixel is at 0.5.
    landmarks: np.ndarray

    def __len__(self) -> int:
        return len(self.boxes)


class FaceDetector:
    """MTCNN (Zhang et al. 2016, arXiv 1604.02878) with the weights of the package ``mtcnn``.

    It finds what ``mtcnn.MTCNN().detect_faces`` does. The last stage sees each face once more, upright, and its mirror
    image: a find that is a face only then counts, and the landmarks are the mean of both. Over 993 faces that were put
    into photos, the median distance of the crop's corners from their places fell from 3.5 to 2.8 pixels of 128.
    """

    def __init__(self):
        import agegender_lib.quiet  # noqa: F401, I001  before TensorFlow
        from mtcnn import MTCNN

        network = MTCNN()
        for stage in network.stages:
            # which has no other way in
            stage._model = _as_graph(stage.model)
        proposing, *self._refining = network.stages
        self._proposing, self._measuring = proposing.model, network.stages[-1].model

    def find(self, pixels: np.ndarray) -> Found:
        """Find the faces of a photo, uint8 [h, w, 3].

        A large photo in which none are found, or small ones, is searched once more at ``FINE_SIDE``; a small one in
        which none are found, within black borders.
        """
        longest = max(pixels.shape)
        found = self._search(pixels, SEARCHED_SIDE)
        if longest > SEARCHED_SIDE and (not len(found) or found.boxes[-1, 2] * SEARCHED_SIDE < _SMALL * longest):
            found = max(found, self._search(pixels, FINE_SIDE), key=len)
        if len(found) or longest > _CROP_SIDE:
            return found
        for part in (2, 3, 6):  # a face that fills its picture is found at some sizes and not at others
            border = longest // part
            found = self._search(np.pad(pixels, ((border, border), (border, border), (0, 0))), SEARCHED_SIDE)
            if len(found):
                break
        return Found(found.boxes - [border, border, 0, 0], found.confidence, found.landmarks - border)

    def _search(self, pixels: np.ndarray, side: int) -> Found:
        height, width = pixels.shape[:2]
        shrink = min(1.0, side / max(height, width))
        photo, searched = Image.fromarray(pixels), pixels
        if shrink < 1:
            size = max(1, round(width * shrink)), max(1, round(height * shrink))
            searched = np.asarray(photo.resize(size, Image.Resampling.BOX))
        scale = np.array([width / searched.shape[1], height / searched.shape[0]])
        # the network's pyramid has no step for pictures of a few pixels
        short = [(0, max(0, _LEAST_SIDE - side)) for side in searched.shape[:2]]
        rows = self.detect(np.pad(searched, (*short, (0, 0))))
        boxes = np.column_stack([rows[:, 1:3], rows[:, 3:5] - rows[:, 1:3]]) * np.tile(scale, 2)
        # the network counts a pixel's centre as a whole number
        landmarks = (np.stack([rows[:, 6:11], rows[:, 11:16]], axis=2) + 0.5) * scale
        order = np.argsort(-boxes[:, 2] * boxes[:, 3], kind="stable")
        landmarks, upright = self._upright(photo, landmarks)
        order = [place for place in order if max(rows[place, 5], upright[place]) >= UPRIGHT_CONFIDENCE]
        return Found(boxes[order], np.maximum(rows[:, 5], upright)[order], landmarks[order])

    def detect(self, pixels: np.ndarray) -> np.ndarray:
        """What ``detect_faces`` of the package gives for uint8 [h, w, 3], as its array of boxes' corners [n, 16].

        The package shrinks the picture for the steps of its pyramid slowly; here the same areas are averaged by sparse
        matrices.
        """
        from mtcnn.utils import bboxes

        parts, values = [np.empty((0, 6))], pixels.astype(np.float32)
        count = round(-(np.log(min(pixels.shape[:2]) / 12) / np.log(_STEP) + 1))
        for scale in 12 / _LEAST_FACE * _STEP ** np.arange(count):
            level = _shrunk(values, *(int(side * scale) for side in pixels.shape[:2]))
            part = bboxes.generate_bounding_box(*self._proposing(_normalised(level)[None]), _PROPOSED)
            if len(part):
                part = bboxes.upscale_bboxes(part, np.array([scale]))
                parts.append(bboxes.smart_nms_from_bboxes(part, 0.5, initial_sort=False))
        found = np.concatenate(parts)
        if len(found):
            found = bboxes.resize_to_square(bboxes.smart_nms_from_bboxes(found, 0.7))
        whole = _normalised(pixels)[None]
        for stage in self._refining:
            if not len(found):
                break
            found = stage(bboxes_batch=found, images_normalized=whole, threshold_onet=CONFIDENCE)
        return found if len(found) else np.empty((0, 16))

    def _upright(self, photo: Image.Image, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Landmarks of faces, float64 [n, 5, 2], and confidence [n], measured again where the faces are upright."""
        if not len(landmarks):
            return landmarks, np.empty(0)
        views = []
        for transform in map(aligning_transform, landmarks):
            shift = transform[:, 2] - _CENTRE + _SQUARE / 2
            views.append(np.column_stack([transform[:, :2], shift]) * (_SEEN / _SQUARE))
        seen = np.stack([crop(photo, view, (_SEEN, _SEEN)) for view in views])
        both = np.concatenate([seen, seen[:, :, ::-1]])
        _, points, confidence = (np.asarray(each, np.float64) for each in self._measuring(_normalised(both)))
        plain, mirrored = np.split(np.stack([points[:, :5], points[:, 5:]], axis=2) * _SEEN, 2)
        mirrored[..., 0] = _SEEN - mirrored[..., 0]
        backs = [inverse(view) for view in views]
        means = (plain + mirrored[:, [1, 0, 2, 4, 3]]) / 2
        means = [each @ back[:, :2].T + back[:, 2] for each, back in zip(means, backs, strict=True)]
        return np.stack(means), np.mean(np.split(confidence[:, 1], 2), axis=0)


def find_turned(detector: FaceDetector, pixels: np.ndarray) -> tuple[np.ndarray, Found, str]:
    """The faces of a photo that may lie on its side or upside down, which no camera noted.

    The photo as it is or turned, its faces, and, where it had to be turned for any to be found, a note that says so.
    """
    found = detector.find(pixels)
    if len(found):
        return pixels, found, ""
    small = Image.fromarray(pixels)
    small.thumbnail((_TURNED_SIDE, _TURNED_SIDE))
    sure = {turns: detector.find(np.rot90(small, turns)).confidence.sum() for turns in _TURNS}
    turns = max(sure, key=sure.__getitem__)
    turned = np.ascontiguousarray(np.rot90(pixels, turns))
    if sure[turns] and len(found_turned := detector.find(turned)):
        return turned, found_turned, f"turned {_TURNS[turns]}: no face is found upright"
    return pixels, found, ""


def _normalised(pixels: np.ndarray) -> np.ndarray:
    return (pixels.astype(np.float32) - 127.5) / 128


def _shrunk(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """A picture, float32 [h, w, 3], at another size: means over areas, [height, width, 3]."""
    lines = _areas(height, len(pixels)) @ pixels.reshape(len(pixels), -1)
    columns = lines.reshape(height, -1, 3).transpose(1, 0, 2)
    found = _areas(width, len(columns)) @ columns.reshape(len(columns), -1)
    return found.reshape(width, height, 3).transpose(1, 0, 2)


@lru_cache(64)
def _areas(size: int, length: int) -> sparse.csr_array:
    """The matrix that takes ``length`` pixels in a row to ``size``, each the mean over its share of them."""
    ends = np.union1d(np.arange(size + 1) * (length / size), np.arange(length + 1))
    middles = (ends[1:] + ends[:-1]) / 2
    places = [
        np.minimum((middles * step).astype(int), last) for step, last in ((size / length, size - 1), (1, length - 1))
    ]
    return sparse.csr_array((np.diff(ends).astype(np.float32) * (size / length), places), (size, length))


def _as_graph(network):
    """A stage's network, traced once for pictures of all sizes; it gives TensorFlow's tensors, as the package wants."""
    import keras
    import tensorflow as tf

    if keras.backend.backend() == "tensorflow":
        return tf.function(network, input_signature=[tf.TensorSpec((None, None, None, 3))], autograph=False)

    def outputs(images):
        return [tf.convert_to_tensor(keras.ops.convert_to_numpy(each)) for each in network(np.asarray(images))]

    return outputs
