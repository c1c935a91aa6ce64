"""Each flaw of a photographed face is named."""

import numpy as np
from PIL import Image
from similarities import known, moved

from agegender_lib.photos.alignment import SIDE, TEMPLATE, inverse
from agegender_lib.photos.quality_checks import SMALL, TRUNCATED, quality_warnings, sharpness


def sharp(seed=0):
    """A crop with as much detail as an ordinary one."""
    fine = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(fine).resize((128, 128), Image.Resampling.BICUBIC))


def test_each_flaw_raises_its_own_warning():
    transform, size = known(1, 10, (-300, -300)), (2000, 2000)
    landmarks = moved(TEMPLATE, inverse(transform))
    soft = np.asarray(Image.fromarray(sharp()).resize((20, 20)).resize((128, 128), Image.Resampling.BICUBIC))
    assert quality_warnings(soft, landmarks, transform, size) == ["blurred"]

    upscaled = known(SIDE / (SMALL - 1), 10, (-3000, -3000))
    assert quality_warnings(soft, moved(TEMPLATE, inverse(upscaled)), upscaled, size) == ["small"]
    larger = known(SIDE / (SMALL + 1), 10, (-3000, -3000))
    assert "small" not in quality_warnings(soft, moved(TEMPLATE, inverse(larger)), larger, size)

    for way in ([18, 0], [-18, 0], [0, 13], [0, -13]):
        turned = TEMPLATE.copy()
        turned[2] += way
        assert quality_warnings(sharp(), moved(turned, inverse(transform)), transform, size) == ["not frontal"]

    half_out = known(1, 0, (SIDE * (TRUNCATED + 0.02), 0))
    assert quality_warnings(sharp(), moved(TEMPLATE, inverse(half_out)), half_out, size) == ["truncated"]
    hardly_out = known(1, 0, (SIDE * (TRUNCATED - 0.02), 0))
    assert quality_warnings(sharp(), moved(TEMPLATE, inverse(hardly_out)), hardly_out, size) == []


def test_sharpness_knows_detail_from_contrast_at_the_edges():
    framed = sharp().copy()
    framed[:, :12] = 0
    assert sharpness(framed) == sharpness(sharp())
