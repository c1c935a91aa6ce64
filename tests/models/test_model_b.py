"""ModelB at other resolutions than its input's: resized inside the model, once or several times."""

import keras
import numpy as np
import pytest
from model_tools import CONTRACT

from agegender_lib.models import BACKBONES, build_model_b
from agegender_lib.training.features import POOLED


def pooled(model, images):
    return np.asarray(keras.Model(model.input, model.get_layer(POOLED).output)(images, training=False))


@pytest.mark.parametrize("side", [128, 64, [128, 64]])
def test_the_backbone_sees_the_face_at_the_sides_asked_for(side, faces):
    model = build_model_b("mobilenet_vggface2", "none", image_size=side)
    base = next(layer for layer in model.layers if isinstance(layer, keras.Model))
    scaled = BACKBONES["mobilenet_vggface2"].preprocess(faces)
    features = []
    for pixels in np.atleast_1d(side):
        seen = keras.ops.image.resize(scaled, (int(pixels), int(pixels)))
        features.append(np.asarray(base(seen, training=False)).mean(axis=(1, 2)))
    wanted = np.concatenate(features, axis=1)
    np.testing.assert_allclose(pooled(model, faces), wanted, rtol=1e-4, atol=1e-5)
    assert model.input_shape == (None, 128, 128, 3) and model.output_names == CONTRACT
