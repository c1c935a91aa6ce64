"""What tests of models share."""

import pytest


@pytest.fixture(scope="module")
def faces(drawn):
    """Eight faces as the marker's machine feeds them, float32 [8, 128, 128, 3] in 0 to 1."""
    return drawn.images[::75].astype("float32") / 255
