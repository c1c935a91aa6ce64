"""Cross-dataset evaluation: what models say of any set's crops, as they are and framed as UTKFace's are."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from agegender_lib.errors import InputError
from agegender_lib.photos.alignment import aligning_transform, crop
from agegender_lib.photos.detector import FaceDetector
from agegender_lib.photos.quality_checks import PITCH, YAW, sharpness, turn


def cross_dataset_predictions(
    models: Mapping[str, Path], labels: pd.DataFrame, images: np.ndarray, detector: FaceDetector | None = None
) -> dict[str, dict[str, pd.DataFrame]]:
    """Predictions of crops, "given" and "aligned" (see ``photos.alignment``), by every model.

    Parameters
    ----------
    models : mapping
        Names to model files.
    labels : DataFrame
        Of the faces, see ``runs.labels_of``; all with a gender.
    images : uint8 [n, 128, 128, 3]
    detector : FaceDetector, optional
        Where it finds no face, the crop is not aligned.

    Returns
    -------
    dict
        By model and by "given" and "aligned": labels and predictions, with ``sharpness`` and ``frontal`` (bool: a face
        is found, and not turned away) of the faces as given; see ``photos.quality_checks``.
    """
    from agegender_lib.models import load_model, predict  # Keras takes seconds to import

    if (labels["gender"] < 0).any():
        raise InputError(f"{(labels['gender'] < 0).sum()} of the faces have no gender: give a set that labels it")
    detector, images = detector or FaceDetector(), np.asarray(images)
    aligned, frontal = images.copy(), []
    for face in tqdm(aligned, "aligning faces", unit="face", disable=None, mininterval=1):
        found, away = detector.find(face), (np.inf, np.inf)
        if len(found):
            away = turn(found.landmarks[0])
            face[:] = crop(Image.fromarray(face), aligning_transform(found.landmarks[0]))
        frontal.append(abs(away[0]) <= YAW and abs(away[1]) <= PITCH)
    known = labels.reset_index(drop=True).assign(split="evaluated", frontal=frontal)
    known["sharpness"] = [sharpness(image) for image in images]
    predictions: dict[str, dict[str, pd.DataFrame]] = {}
    for name, file in models.items():
        network = load_model(file)
        shown = {"given": images, "aligned": aligned}
        predictions[name] = {way: known.join(predict(network, each, progress=True)) for way, each in shown.items()}
    return predictions
