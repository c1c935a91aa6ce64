"""Crops of another set, shown to models as they are and framed anew."""

import keras
import numpy as np
import pandas as pd
import pytest
from tiny_faces import picture

from agegender_lib.errors import InputError
from agegender_lib.photos import Found, cross_dataset_predictions
from agegender_lib.photos.alignment import TEMPLATE
from agegender_lib.photos.quality_checks import sharpness


class Shifted:
    """A detector that finds faces 8 pixels to the right, in a dark crop none, in a bright one a profile."""

    def find(self, pixels):
        count = int(pixels.max() > 50)
        landmarks = np.repeat(np.add(TEMPLATE, (8, 0))[None], count, axis=0)
        landmarks[:, 2, 0] += 25 * (pixels.min() > 100)
        return Found(np.zeros((count, 4)), np.ones(count), landmarks)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """P(female) is the brightness of the left edge, 10 columns, the age that of all, in hundreds of years."""
    image = keras.Input((128, 128, 3))
    edge = keras.layers.Cropping2D(((0, 0), (0, 118)))(image)
    means = [keras.layers.GlobalAveragePooling2D()(each) for each in (edge, image)]
    third = {"use_bias": False, "kernel_initializer": keras.initializers.Constant(1 / 3)}
    female = keras.layers.Dense(1, name="gender_output", **third)(means[0])
    age = keras.layers.Rescaling(100.0, name="age_output")(keras.layers.Dense(1, **third)(means[1]))
    file = tmp_path_factory.mktemp("model") / "model.keras"
    keras.Model(image, [female, age]).save(file)
    return file


def test_crops_are_predicted_as_they_are_and_framed_anew(model):
    face = np.asarray(picture(1, 128))
    images = np.stack([face, face // 6, 128 + face // 2])
    before = images.copy()
    labels = pd.DataFrame({"file": ["a", "b", "c"], "age": [1, 2, 3], "gender": [0, 1, 1]}, index=[7, 8, 9])
    found = cross_dataset_predictions({"ModelA": model}, labels, images, Shifted())["ModelA"]
    np.testing.assert_array_equal(images, before)
    for table in found.values():
        assert table["file"].tolist() == ["a", "b", "c"] and table["frontal"].tolist() == [True, False, False]
        assert table["sharpness"].tolist() == [sharpness(image) for image in before]
        np.testing.assert_allclose(table["age_predicted"][1], before[1].mean() / 2.55, rtol=1e-3)
    edges = {way: table["p_female"].to_numpy() * 255 for way, table in found.items()}
    np.testing.assert_allclose(edges["given"], before[:, :, :10].mean(axis=(1, 2, 3)), rtol=1e-3)
    # 8 pixels further to the right; where no face is found, as before
    assert edges["aligned"][0] == pytest.approx(face[:, 8:18].mean(), abs=1) != pytest.approx(edges["given"][0], abs=1)
    assert edges["aligned"][1] == edges["given"][1]


def test_faces_without_a_gender_are_refused(model):
    labels = pd.DataFrame({"file": ["a", "b"], "age": 1, "gender": [0, -1]})
    with pytest.raises(InputError, match="1 of the faces have no gender"):
        cross_dataset_predictions({"ModelA": model}, labels, np.zeros((2, 128, 128, 3), np.uint8), Shifted())
