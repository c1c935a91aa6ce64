"""The measurement of speed and growth: ratios, what is compared with what, and the original's loading."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from tiny_faces import picture

from tests import bench
from tests.bench import BARE, ORIGINAL, OURS

FAST, SLOW, STEP = ((what, "ModelA", "float32") for what in (OURS, ORIGINAL, BARE))
# what Keras's own generator calls
pytestmark = pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")


def planted():
    """Seconds per image over three rounds, in the last of which the machine is ten times as slow."""
    slowness = np.array([1.0, 1.1, 10.0])
    return {SLOW: 0.040 * slowness, FAST: 0.010 * slowness, STEP: 0.008 * slowness}


def test_ratios_are_taken_within_a_round():
    found = planted()
    found[SLOW][1] *= 7  # a round in which only the reference was disturbed
    table = bench.speeds(found).set_index("what")
    np.testing.assert_allclose(table["ratio"], [1, 4, 5])
    np.testing.assert_allclose(table["ms_per_image"][OURS], 11)
    np.testing.assert_allclose(table["images_per_second"][OURS], 1 / 0.011)
    np.testing.assert_allclose(table["added"][OURS], 0.25)


@pytest.fixture
def coloured():
    """Patterns unlike each other; a face's age names its picture."""
    images = np.stack([np.asarray(picture(number)) for number in range(7)])
    return SimpleNamespace(
        images=images, table=pd.DataFrame({"gender": [1, 0, 1, 0, 0, 1, 1], "age": np.arange(7) * 10})
    )


def test_the_originals_loading_pairs_every_file_with_its_labels_and_augments(coloured, tmp_path):
    rows = np.array([3, 1, 0, 6, 5, 2, 4])
    for augmentation, most in (({}, 4), (bench.AUGMENTATION, 256)):
        batch = bench.original_batches(coloured, rows, tmp_path, 7, augmentation)
        pixels, wanted = batch(0)
        assert pixels.dtype == np.float32 and 0 <= pixels.min() and 0.5 < pixels.max() <= 1
        ages, genders = wanted["age_output"][:, 0].astype(int), wanted["gender_output"][:, 0]
        assert sorted(ages) == sorted(coloured.table["age"])
        np.testing.assert_array_equal(genders, coloured.table["gender"][ages // 10])
        # JPEG changes a smooth picture by a few levels; another picture is 20 and more away
        apart = np.abs(255 * pixels - coloured.images[ages // 10]).mean(axis=(1, 2, 3))
        assert apart.max() < most and (augmentation == {} or apart.min() > 1)


def test_the_power_of_growth_is_the_slope_of_the_logarithms():
    sizes = [1000, 10_000, 100_000]
    parts = {
        "quadratic": ([0.1, 10, 1000], [100, 100, 100]),
        # what it costs for any set hides the growth, but not between the largest sizes
        "hidden": ([10.01, 11, 110], [90, 100, 1000]),
    }
    rows = [
        [name, size, second, mib]
        for name, (seconds, memory) in parts.items()
        for size, second, mib in zip(sizes, seconds, memory, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["stage", "images", "seconds", "memory_mib"])
    grown = bench.growth(table.sample(frac=1, random_state=1)).set_index("stage")
    assert grown.loc["quadratic", ["seconds", "memory_mib"]].tolist() == pytest.approx([2, 0], abs=1e-9)
    assert grown.loc["hidden", "seconds"] < 0.6 and grown.loc["hidden", "seconds_last"] == pytest.approx(1)
