"""The face detector, on a network that says what it is told to."""

import numpy as np
import pytest

from agegender_lib.photos.detector import FaceDetector


class Told(FaceDetector):
    """Knows where faces are in a picture of a given width, and how sure it is of them once they are upright."""

    def __init__(self, rows, width, upright=()):
        self.rows, self.width, self.upright, self.seen = np.asarray(rows, float), width, upright, None

    def detect(self, pixels):
        self.seen = pixels
        rows = self.rows.copy()
        for part in (slice(1, 5), slice(6, 16)):
            rows[:, part] *= pixels.shape[1] / self.width
        return rows

    def _upright(self, pixels, landmarks):
        return landmarks, np.array(self.upright)


def row(left, top, width, height, confidence, points):
    return [0, left, top, left + width, top + height, confidence, *points[:, 0], *points[:, 1]]


POINTS = np.array([[110.0, 120], [160, 118], [140, 150], [115, 180], [158, 182]])


def test_a_large_photo_is_searched_at_its_least_size_and_answered_in_its_own_pixels():
    rows = [
        row(90, 80, 50, 60, 0.95, POINTS),
        row(100, 90, 80, 100, 0.99, POINTS + 200),
        row(0, 0, 99, 99, 0.7, POINTS),
    ]
    detector = Told(rows, 3072, [0.9, 0.9, 0.5])
    found = detector.find(np.zeros((1536, 3072, 3), np.uint8))
    assert detector.seen.shape == (512, 1024, 3)
    np.testing.assert_allclose(found.boxes, [[100, 90, 80, 100], [90, 80, 50, 60]], atol=1e-6)
    np.testing.assert_allclose(found.confidence, [0.99, 0.95])
    # a pixel of the searched picture covers three: half of one is one and a half
    np.testing.assert_allclose(found.landmarks[1], POINTS + 1.5, atol=1e-6)


@pytest.mark.parametrize(("confidence", "upright", "counts"), [(0.7, 0.95, 1), (0.95, 0.2, 1), (0.7, 0.85, 0)])
def test_a_doubtful_find_counts_if_it_is_a_face_once_it_is_upright(confidence, upright, counts):
    found = Told([row(10, 20, 50, 60, confidence, POINTS)], 300, [upright]).find(np.zeros((300, 300, 3), np.uint8))
    assert len(found) == len(found.landmarks) == counts
    assert found.confidence.tolist() == [0.95] * counts


def test_a_tiny_photo_is_padded_for_the_networks_pyramid():
    detector = Told(np.empty((0, 16)), 30)
    assert len(detector.find(np.full((30, 40, 3), 200, np.uint8))) == 0
    assert detector.seen.shape == (64, 64, 3) and (detector.seen[30:] == 0).all()
