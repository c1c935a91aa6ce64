"""Random changes: each does what it says and no more."""

import numpy as np
import pytest

from agegender_lib.models import FaceAugmentation

OFF = dict(
    rotation=0.0, shift=0.0, zoom=0.0, flip=False, brightness=0.0, contrast=0.0, grey=0.0, erase=0.0
)  # fmt: skip
CENTRE = 63.5


def changed(images, seed=0, **effects):
    """The images after one training call of a layer that has these effects only."""
    return np.asarray(FaceAugmentation(**{**OFF, **effects}, seed=seed)(images, training=True))


def noise(count, low=0, high=256, side=32, seed=0):
    return np.random.default_rng(seed).integers(low, high, (count, side, side, 3), dtype="uint8")


def spots(count, right):
    """Black images with a soft white spot so many pixels to the right of the centre."""
    y, x = np.mgrid[:128, :128] - CENTRE
    spot = 255 * np.exp(-((x - right) ** 2 + y**2) / 32)
    return np.repeat(spot[None, :, :, None], 3, axis=3).repeat(count, axis=0).astype("float32")


def places(images):
    """Where the spots are, from the centre: to the right and downwards."""
    weight = images.sum(axis=3)
    weight = weight / weight.sum(axis=(1, 2), keepdims=True)
    y, x = np.mgrid[:128, :128] - CENTRE
    return (weight * x).sum(axis=(1, 2)), (weight * y).sum(axis=(1, 2))


def test_outside_training_only_the_scale_changes():
    pixels = noise(4, side=128)
    for images in (pixels, pixels.astype("float32")):
        result = np.asarray(FaceAugmentation()(images, training=False))
        assert result.dtype == np.float32
        assert np.array_equal(result, pixels.astype("float32") / 255)
        # training is what has to be asked for
        assert np.array_equal(np.asarray(FaceAugmentation()(images)), result)


@pytest.mark.parametrize("effects", [{}, {"brightness": 0.9, "contrast": 0.9, "grey": 0.5, "erase": 1.0}])
def test_pixels_stay_between_0_and_1(effects, drawn):
    for pixels in (noise(24, side=128), drawn.images[:24]):
        result = np.asarray(FaceAugmentation(**effects)(pixels, training=True))
        assert result.shape == pixels.shape and result.dtype == np.float32
        assert result.min() >= 0 and result.max() <= 1
        # and both ends are in use: nothing was scaled a second time
        assert result.min() < 0.1 and result.max() > 0.7


def test_flip_mirrors_half_of_the_faces_exactly():
    pixels = noise(200)
    faces, result = pixels / 255, changed(pixels, flip=True)
    stayed = np.abs(result - faces).max(axis=(1, 2, 3)) < 1e-5
    turned = np.abs(result - faces[:, :, ::-1]).max(axis=(1, 2, 3)) < 1e-5
    assert (stayed ^ turned).all()
    assert 70 <= turned.sum() <= 130


def test_rotation_only_moves_around_the_centre():
    before = spots(64, right=40)
    after = changed(before, rotation=20.0)
    right, down = places(after)
    assert np.hypot(right, down) == pytest.approx(40, abs=0.3)
    assert after.sum(axis=(1, 2, 3)) == pytest.approx(before.sum(axis=(1, 2, 3)) / 255, rel=0.01)
    angles = np.degrees(np.arctan2(down, right))
    assert np.abs(angles).max() < 20.1
    assert angles.min() < -15 and angles.max() > 15


def test_shift_moves_by_at_most_its_share_of_the_side():
    right, down = places(changed(spots(64, right=0), shift=0.08))
    for moved in (right, down):
        assert np.abs(moved).max() <= 0.08 * 128 + 0.05
        assert moved.min() < -7 and moved.max() > 7
    assert abs(np.corrcoef(right, down)[0, 1]) < 0.5


def test_zoom_scales_about_the_centre_both_ways_alike():
    right, down = places(changed(spots(64, right=30), zoom=0.15))
    scale = right / 30
    assert np.abs(down).max() < 0.05
    assert 1 / 1.15 - 0.005 < scale.min() < 0.91 and 1.1 < scale.max() < 1.15 + 0.005
    # uniform in the logarithm: shrinking is as likely as growing
    assert 16 <= (scale > 1).sum() <= 48


def test_brightness_adds_one_number_to_a_face():
    pixels = noise(100, 100, 150)
    added = changed(pixels, brightness=0.15) - pixels / 255
    assert added.std(axis=(1, 2, 3)).max() < 1e-6
    added = added.mean(axis=(1, 2, 3))
    assert np.abs(added).max() <= 0.15 + 1e-6
    assert added.min() < -0.12 and added.max() > 0.12


def test_contrast_stretches_a_face_about_its_mean():
    pixels = noise(100, 100, 150)
    before, after = pixels / 255, changed(pixels, contrast=0.3)
    mean = before.mean(axis=(1, 2, 3), keepdims=True)
    assert after.mean(axis=(1, 2, 3)) == pytest.approx(mean.ravel(), abs=1e-5)
    stretch = after.std(axis=(1, 2, 3)) / before.std(axis=(1, 2, 3))
    assert np.abs((before - mean) * stretch[:, None, None, None] + mean - after).max() < 1e-5
    assert 0.7 - 1e-4 <= stretch.min() < 0.8 and 1.2 < stretch.max() <= 1.3 + 1e-4


def test_grey_takes_the_colour_of_the_asked_share():
    pixels = noise(300, side=8)
    luma = pixels / 255 @ [0.299, 0.587, 0.114]
    everyone = changed(pixels, grey=1.0)
    assert np.abs(everyone - luma[..., None]).max() < 1e-5
    some = changed(pixels, grey=0.3)
    grey = np.ptp(some, axis=3).max(axis=(1, 2)) < 1e-5
    assert 60 <= grey.sum() <= 120
    assert np.abs(some[~grey] - pixels[~grey] / 255).max() < 1e-5


def test_erase_covers_a_rectangle_with_one_colour():
    result = changed(np.zeros((300, 64, 64, 3), "uint8"), erase=1.0)
    covered = (result > 0).any(axis=3)
    rows, columns = covered.any(axis=2), covered.any(axis=1)
    assert np.array_equal(covered, rows[:, :, None] & columns[:, None, :])
    for face, mask in zip(result, covered, strict=True):
        assert len(np.unique(face[mask], axis=0)) == 1 and (face[~mask] == 0).all()
    tones = np.array([face[mask][0] for face, mask in zip(result, covered, strict=True)])
    assert 0 <= tones.min() < 0.1 and 0.9 < tones.max() <= 1
    assert np.abs(np.corrcoef(tones.T)[~np.eye(3, dtype=bool)]).max() < 0.3

    share = covered.mean(axis=(1, 2))
    whole = ~(rows[:, [0, -1]].any(axis=1) | columns[:, [0, -1]].any(axis=1))
    # a rectangle may reach over the edge, where it is cut; a pixel more or less is rounding
    assert share.max() < 0.27 and share.min() > 0.05 / 4 * 0.8
    assert whole.sum() > 50
    assert 0.04 < share[whole].min() < 0.08 and 0.2 < share[whole].max()


def test_the_seed_decides():
    pixels = noise(6)
    first, again, other = (np.asarray(FaceAugmentation(seed=seed)(pixels, training=True)) for seed in (4, 4, 5))
    assert np.array_equal(first, again)
    assert (np.abs(first - other).max(axis=(1, 2, 3)) > 0.05).all()
