"""The face detector, on a network that says what it is told to."""

import numpy as np
import pytest

from agegender_lib.photos.detector import FaceDetector, Found, find_turned


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
        row(90, 80, 95, 60, 0.95, POINTS),
        row(100, 90, 99, 100, 0.99, POINTS + 200),
        row(0, 0, 99, 99, 0.7, POINTS),
    ]
    detector = Told(rows, 3072, [0.9, 0.9, 0.5])
    found = detector.find(np.zeros((1536, 3072, 3), np.uint8))
    assert detector.seen.shape == (512, 1024, 3)
    np.testing.assert_allclose(found.boxes, [[100, 90, 99, 100], [90, 80, 95, 60]], atol=1e-6)
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
    assert len(detector._search(np.full((30, 40, 3), 200, np.uint8), 1024)) == 0
    assert detector.seen.shape == (64, 64, 3) and (detector.seen[30:] == 0).all()


class Finest(Told):
    """Finds a face only where it has 20 pixels and, with ``inside``, where the picture's edges are black."""

    def __init__(self, rows, width, inside=False):
        super().__init__(rows, width)
        self.inside, self.searched = inside, []

    def detect(self, pixels):
        self.searched.append(pixels.shape[:2])
        rows = super().detect(pixels)
        keep = rows[:, 3] - rows[:, 1] >= 20
        return rows[keep & (not self.inside or not pixels[0].any())]

    def _upright(self, pixels, landmarks):
        return landmarks, np.ones(len(landmarks))


def test_small_faces_are_searched_for_in_the_whole_photo_where_there_may_be_some():
    photo = np.zeros((600, 2048, 3), np.uint8)
    small, large = row(90, 80, 30, 40, 0.95, POINTS), row(300, 80, 150, 200, 0.99, POINTS)
    middling = row(900, 80, 50, 60, 0.95, POINTS)
    for rows, searches, faces in (
        ([small], [1024, 2048], 1),  # where none is found at first
        ([small, middling], [1024, 2048], 2),  # or none but such as are hardly found
        ([small, large], [1024], 1),
        ([], [1024, 2048], 0),
    ):
        detector = Finest(np.reshape(rows, (-1, 16)), 2048)
        assert len(detector.find(photo)) == faces
        assert [width for _, width in detector.searched] == searches
    np.testing.assert_allclose(Finest([small], 2048).find(photo).boxes, [[90, 80, 30, 40]])
    assert len(Finest([small], 1000).find(photo[:, :1000])) == 1  # which is no large photo


def test_a_face_that_touches_the_edges_is_found_within_a_border():
    photo = np.full((160, 100, 3), 200, np.uint8)
    # in the bordered picture, which is 100 + 2 x 80 pixels wide
    detector = Finest([row(100, 90, 60, 80, 0.95, POINTS)], 260, inside=True)
    found = detector.find(photo)
    assert detector.searched == [(160, 100), (320, 260)]
    np.testing.assert_allclose(found.boxes, [[20, 10, 60, 80]])
    np.testing.assert_allclose(found.landmarks, [POINTS - 80 + 0.5])


class Upright:
    """Finds a face where the brightest side of a picture is up."""

    def find(self, pixels):
        sides = pixels[0], pixels[:, 0], pixels[:, -1], pixels[-1]
        count = int(np.argmax([side.mean() for side in sides]) == 0 and pixels.max() > 0)
        return Found(np.ones((count, 4)), np.full(count, 0.99), np.ones((count, 5, 2)))


@pytest.mark.parametrize(("turns", "words"), [(0, ""), (1, "to the right"), (2, "upside down"), (3, "to the left")])
def test_a_photo_that_lies_is_turned_and_that_is_said(turns, words):
    photo = np.zeros((300, 900, 3), np.uint8)
    photo[:5] = 255
    found_in, found, note = find_turned(Upright(), np.rot90(photo, turns))
    np.testing.assert_array_equal(found_in, photo)
    assert len(found) == 1 and note == (f"turned {words}: no face is found upright" if turns else "")
    dark, found, note = find_turned(Upright(), np.zeros((300, 900, 3), np.uint8))
    assert dark.shape == (300, 900, 3) and len(found) == 0 and note == ""
