"""Features of a frozen backbone, computed once, so that heads learn in seconds instead of minutes."""

import hashlib
import json
import math

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from agegender_lib import folders
from agegender_lib.data import FaceSet
from agegender_lib.files import clear_left_over, read_rows, replacing, write_array
from agegender_lib.lock import alone
from agegender_lib.models.predict import in_batches
from agegender_lib.training.batches import Batches

#: The last layer that both branches share; its output is what is kept.
POOLED = "shared_pool_average"
KEPT = folders.CACHE / "features"
_ROWS = 1000  # of features that the heads predict at a time
# Of a layer's configuration, what changes nothing of what it computes, or is said otherwise.
_OF_THE_MOMENT = ("name", "dtype", "trainable")


class FeatureBatches(Batches):
    """Batches of features (see :func:`backbone_features`): while training of a face or its mirror image, at random."""

    def __getitem__(self, index: int):
        features, targets = super().__getitem__(index)
        side = np.zeros(len(features), int)
        if self.seed is not None:
            side = np.random.default_rng([self.seed, self.epoch, index]).integers(2, size=len(features))
        return features[np.arange(len(features)), side], targets


def backbone_features(network: keras.Model, faces: FaceSet) -> np.ndarray:
    """What the backbone makes of every face and of its mirror image, from a file where it was computed before.

    A file's name is a hash of the faces, of the backbone's layers and weights and of the precision: features of another
    network are never taken for this one's. They are float32 [n, 2, f], memory-mapped, as those of 100,000 faces can be
    1.6 GB.
    """
    base = keras.Model(network.inputs, network.get_layer(POOLED).output, name="backbone")
    path = KEPT / f"{_fingerprint(base, faces)}.npy"
    if (features := _read(path)) is None:
        # of two trainings that need the same features one computes them, and the other waits
        with alone(path.with_name(f".{path.stem}.lock"), f"computing the features {path}", math.inf):
            clear_left_over(path.parent, path.stem)
            if (features := _read(path)) is None:
                with replacing(path) as temporary:
                    _compute(base, faces, temporary)
                features = np.load(path, mmap_mode="r")
    return features


def _read(path):
    try:
        return np.load(path, mmap_mode="r") if path.exists() else None
    except (OSError, ValueError, EOFError):
        path.unlink()  # damaged, and nothing but time is lost
        return None


def _compute(base, faces, path):
    shape = (len(faces.images), 2, *base.output_shape[1:])
    starts = range(0, len(faces.images), 100)

    def of_both_sides(start):
        images = read_rows(faces.images, slice(start, start + 100)).astype("float32") / 255.0
        both = np.stack([images, images[:, :, ::-1]], axis=1).reshape(-1, *images.shape[1:])
        # a face's own features and those of its mirror image follow each other, as in the array
        return base.predict_on_batch(both)

    write_array(
        path, "float32", shape, map(of_both_sides, tqdm(starts, "features", unit="batch", disable=None, mininterval=1))
    )


def heads_graph(network: keras.Model) -> keras.Model:
    """The part of a ``network`` above the features, sharing its layers."""
    return keras.Model(network.get_layer(POOLED).output, network.output, name="heads")


def predict_from_features(network: keras.Model, faces: FaceSet, test_time_augmentation: bool) -> pd.DataFrame:
    """What :func:`agegender_lib.models.predict` gives, at the cost of the heads where the features are kept already.

    ``network`` is a ModelB with outputs gender and age, in float32.
    """
    features = backbone_features(network, faces)
    heads = heads_graph(network)
    sides = features if test_time_augmentation else features[:, :1]

    def means(part):
        outputs = heads.predict_on_batch(part.reshape(-1, part.shape[-1]))
        return [np.asarray(output).reshape(part.shape[:2]).mean(axis=1) for output in outputs]

    # not heads.predict, which would first make one tensor of all of them
    p_female, age = in_batches(means, sides, _ROWS // sides.shape[1])
    return pd.DataFrame({"age_predicted": age, "p_female": p_female})


def _fingerprint(base, faces):
    digest = hashlib.sha256(faces.fingerprint.encode())
    for layer in base.layers:
        inner = layer.layers if isinstance(layer, keras.Model) else [layer]
        for part in inner:
            # what a layer without weights does, such as to which size it resizes, stands in its configuration
            says = {key: value for key, value in part.get_config().items() if key not in _OF_THE_MOMENT}
            kind = [type(part).__name__, part.compute_dtype, says]
            digest.update(json.dumps(kind, sort_keys=True, default=str).encode())
    for weight in base.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()[:16]
