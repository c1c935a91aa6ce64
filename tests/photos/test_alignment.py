"""Faces into UTKFace's frame."""

import numpy as np
import pytest
from PIL import Image
from similarities import known, moved

from agegender_lib.data.drawing.face import draw_face
from agegender_lib.photos.alignment import TEMPLATE, aligning_transform, corners, crop, inverse, similarity
from agegender_lib.photos.end_to_end import place_face
from agegender_lib.photos.quality_checks import outside

IDENTITY = np.array([[1.0, 0, 0], [0, 1, 0]])
FACE = np.asarray(draw_face(30, 1, 0, np.random.default_rng(0)))


def test_a_similarity_is_found_again():
    wanted = known(2.3, 77, (-14, 9))
    np.testing.assert_allclose(similarity(TEMPLATE, moved(TEMPLATE, wanted)), wanted, atol=1e-9)
    assert np.linalg.det(similarity(TEMPLATE, TEMPLATE * [-1, 1])[:, :2]) > 0  # never a mirror image
    back = inverse(wanted)
    np.testing.assert_allclose(moved(moved(TEMPLATE, wanted), back), TEMPLATE, atol=1e-9)


def test_a_face_in_its_frame_is_left_as_it_is():
    np.testing.assert_array_equal(crop(Image.fromarray(FACE), IDENTITY), FACE)
    np.testing.assert_allclose(corners(IDENTITY), [[0, 0], [128, 0], [128, 128], [0, 128]])


@pytest.mark.parametrize("seed", range(3))
def test_a_face_put_into_a_photo_comes_back(seed):
    canvas, placed = place_face(FACE, np.random.default_rng(seed))
    assert canvas[:3, :3].min() > 5 and canvas[-3:, -3:].min() > 5  # a background, not black
    transform = aligning_transform(moved(TEMPLATE, placed))
    found = crop(Image.fromarray(canvas), transform)
    inner = slice(6, -6)  # the face's edge fades into the background
    apart = np.abs(found.astype(int) - FACE)[inner, inner].mean()
    # a face that was shrunk has lost its details
    assert apart < (3 if np.hypot(*placed[:, 0]) >= 1 else 7)
    np.testing.assert_allclose(corners(transform), moved(corners(IDENTITY), placed), atol=1e-6)
    shifted = crop(Image.fromarray(canvas), transform + known(0, 0, (4, 0)))
    assert np.abs(shifted.astype(int) - FACE)[inner, inner].mean() > 2 * apart


def test_shrinking_is_antialiased():
    stripes = np.zeros((640, 640, 3), np.uint8)
    stripes[:, ::2] = 255
    found = crop(Image.fromarray(stripes), known(0.2))
    assert np.abs(found.astype(int) - 127.5).max() < 30


def test_outside_the_photo_is_black():
    white = np.full((100, 100, 3), 255, np.uint8)
    transform = known(1, 0, (64, 0))  # the photo's left edge lies in the crop's middle
    found = crop(Image.fromarray(white), transform)
    assert (found[:, :62] == 0).all() and (found[:98, 66:] == 255).all()
    assert outside(transform, (100, 100)) == pytest.approx(1 - 64 * 100 / 128**2, abs=0.01)
    assert outside(IDENTITY, (128, 128)) == 0
    assert outside(known(1, 30, (20, -40)), (4000, 4000)) > 0
