"""Faces in a photograph: where they are, and where their eyes, nose and mouth corners are."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

#: Pixels of the longer side at which a photo is searched. The least face that is found has 20 pixels there.
SEARCHED_SIDE = 1024
#: Confidence of the detector's last stage below which a find is not a face.
CONFIDENCE = 0.9
_LEAST_SIDE = 64


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
    """MTCNN (Zhang et al. 2016, arXiv 1604.02878) with the weights of the package ``mtcnn``."""

    def __init__(self):
        import agegender_lib.quiet  # noqa: F401, I001  before TensorFlow
        from mtcnn import MTCNN

        self._network = MTCNN()
        for stage in self._network.stages:
            # which has no other way in
            stage._model = _as_graph(stage.model)

    def find(self, pixels: np.ndarray) -> Found:
        """Find the faces of a photo, uint8 [h, w, 3]."""
        height, width = pixels.shape[:2]
        shrink = min(1.0, SEARCHED_SIDE / max(height, width))
        searched = pixels
        if shrink < 1:
            size = max(1, round(width * shrink)), max(1, round(height * shrink))
            searched = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
        scale = np.array([width / searched.shape[1], height / searched.shape[0]])
        # the network's pyramid has no step for pictures of a few pixels
        short = [(0, max(0, _LEAST_SIDE - side)) for side in searched.shape[:2]]
        searched = np.pad(searched, (*short, (0, 0)))
        rows = np.asarray(self._network.detect_faces(searched, fit_to_image=False, output_type="numpy"))
        rows = rows[rows[:, 5] >= CONFIDENCE]
        boxes = rows[:, 1:5] * np.tile(scale, 2)
        # the network counts a pixel's centre as a whole number
        landmarks = (np.stack([rows[:, 6:11], rows[:, 11:16]], axis=2) + 0.5) * scale
        order = np.argsort(-boxes[:, 2] * boxes[:, 3], kind="stable")
        return Found(boxes[order], rows[order, 5], landmarks[order])


def _as_graph(network):
    """A stage's network, traced once for pictures of all sizes; it gives TensorFlow's tensors, as the package wants."""
    import keras
    import tensorflow as tf

    if keras.backend.backend() == "tensorflow":
        return tf.function(network, input_signature=[tf.TensorSpec((None, None, None, 3))], autograph=False)

    def outputs(images):
        return [tf.convert_to_tensor(keras.ops.convert_to_numpy(each)) for each in network(images.numpy())]

    return outputs
