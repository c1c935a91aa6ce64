"""The face detector, on a network that says what it is told to."""

import numpy as np

from agegender_lib.photos.detector import FaceDetector


class Network:
    """Stands for MTCNN: knows where faces are in a picture of a given width."""

    def __init__(self, rows, width):
        self.rows, self.width, self.seen = np.asarray(rows, float), width, None

    def detect_faces(self, pixels, **_):
        self.seen = pixels
        rows = self.rows.copy()
        rows[:, 1:5] *= pixels.shape[1] / self.width
        rows[:, 6:] *= pixels.shape[1] / self.width
        return rows


def detector_of(network):
    detector = FaceDetector.__new__(FaceDetector)
    detector._network = network
    return detector


def row(left, top, width, height, confidence, points):
    return [0, left, top, width, height, confidence, *points[:, 0], *points[:, 1]]


def test_a_large_photo_is_searched_at_its_least_size_and_answered_in_its_own_pixels():
    points = np.array([[110.0, 120], [160, 118], [140, 150], [115, 180], [158, 182]])
    rows = [
        row(90, 80, 50, 60, 0.95, points),
        row(100, 90, 80, 100, 0.99, points + 200),
        row(0, 0, 99, 99, 0.5, points),
    ]
    network = Network(rows, 3072)
    found = detector_of(network).find(np.zeros((1536, 3072, 3), np.uint8))
    assert network.seen.shape == (512, 1024, 3)
    np.testing.assert_allclose(found.boxes, [[100, 90, 80, 100], [90, 80, 50, 60]], atol=1e-6)
    np.testing.assert_allclose(found.confidence, [0.99, 0.95])
    # a pixel of the searched picture covers three: half of one is one and a half
    np.testing.assert_allclose(found.landmarks[1], points + 1.5, atol=1e-6)


def test_a_tiny_photo_is_padded_for_the_networks_pyramid():
    network = Network(np.empty((0, 16)), 30)
    assert len(detector_of(network).find(np.full((30, 40, 3), 200, np.uint8))) == 0
    assert network.seen.shape == (64, 64, 3) and (network.seen[30:] == 0).all()
