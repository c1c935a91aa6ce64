"""How the original report loaded its faces: JPEG files through Keras's ImageDataGenerator, one by one.

The only reason to keep it is to measure against it. This is the corner that imports tensorflow.
"""

import contextlib
import io
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from PIL import Image

#: The original report names rotation, illumination and rescaling, but no amounts: these are usual ones.
AUGMENTATION = {"rotation_range": 20, "brightness_range": (0.8, 1.2)}


def missing() -> str | None:
    """Why the original's loading cannot be measured here; None where it can."""
    if keras.backend.backend() != "tensorflow":
        return f"it needs the TensorFlow backend, and this one is {keras.backend.backend()}"
    try:
        import scipy.ndimage.interpolation  # noqa: F401  rotates, by this old name

        _generator()
    except (ImportError, AttributeError) as error:
        return f"tf.keras.preprocessing.image.ImageDataGenerator is not there ({error})"
    return None


def write_jpegs(images: np.ndarray, folder: Path) -> list[str]:
    """Write faces as JPEG files of quality 75, the coursework's; returns their names, in order.

    Parameters
    ----------
    images : uint8 [n, 128, 128, 3]
    folder : Path
        Made if it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{number:06d}.jpg" for number in range(len(images))]
    for name, pixels in zip(names, images, strict=True):
        Image.fromarray(pixels).save(folder / name, "JPEG", quality=75)
    return names


class OriginalBatches(keras.utils.PyDataset):
    """Batches of augmented faces, decoded anew from their files each time.

    Parameters
    ----------
    folder : Path
    table : DataFrame
        file (name in ``folder``), gender (0 or 1) and age (years), a row per face.
    batch_size : int
    augmentation : dict
        Arguments of ``ImageDataGenerator``, besides the rescaling to [0, 1].

    Notes
    -----
    A batch is (float32 [batch_size, 128, 128, 3], {"gender_output": [batch_size, 1], "age_output": the same}), as
    :class:`agegender_lib.training.batches.Batches` has it, but for the pixels, which are floats in [0, 1].
    """

    def __init__(self, folder: Path, table: pd.DataFrame, batch_size: int, augmentation: dict = AUGMENTATION):
        super().__init__()
        with contextlib.redirect_stdout(io.StringIO()):  # it says how many files it found
            self.flow = _generator()(rescale=1 / 255, **augmentation).flow_from_dataframe(
                table,
                directory=str(folder),
                x_col="file",
                y_col=["gender", "age"],
                class_mode="multi_output",
                target_size=(128, 128),
                batch_size=batch_size,
                shuffle=True,
                seed=1,
            )

    def __len__(self) -> int:
        return len(self.flow)

    def __getitem__(self, index: int):
        pixels, (gender, age) = self.flow[index]
        targets = {"gender_output": gender, "age_output": age}
        return pixels, {name: values.astype("float32")[:, None] for name, values in targets.items()}


def _generator():
    import tensorflow as tf

    return tf.keras.preprocessing.image.ImageDataGenerator
