"""What the tests of the explorer share: faces with known labels, and run folders that were never trained."""

import json

import numpy as np
import pandas as pd
from tiny_faces import picture

from agegender_lib.data import FaceSet
from agegender_lib.runs.tables import HISTORY_COLUMNS

FINGERPRINT = "f" * 64
#: File number to group of near-duplicates; 3 and 9 disagree on the age, 4 and 5 on the gender, 20 and 21 on nothing.
GROUPS = {3: 0, 9: 0, 4: 1, 5: 1, 20: 2, 21: 2, 22: 2}


def faces_of(synthetic=False, fingerprint=FINGERPRINT):
    """Faces whose ages, genders and races are known by their numbers, and whose pictures all differ."""
    number = np.arange(40)
    ages = 10 + number
    ages[9], ages[5], ages[21], ages[22] = 30, ages[4], ages[20], ages[20]
    genders = number // 2 % 2
    genders[[3, 9]], genders[4], genders[5], genders[20:23] = 1, 0, 1, 0
    table = pd.DataFrame(
        {
            "file": [f"{n:03}_{age}.jpg" for n, age in enumerate(ages)],
            "age": ages,
            "gender": genders,
            "race": number % 5,
            "timestamp": "1",
            "duplicate_group": [GROUPS.get(n, -1) for n in number],
        }
    )
    images = np.stack([np.asarray(picture(n)) for n in number])
    rejected = pd.DataFrame(columns=["file", "reason"])
    return FaceSet(table, images, rejected, fingerprint, "made", synthetic)


def predictions_of(faces, seed=0):
    """Every third face is held out; the age of face n is read n / 4 years too old for an even n, else too young."""
    number = np.arange(len(faces))
    labels = faces.table[["file", "age", "gender", "race", "duplicate_group"]]
    table = labels.assign(
        split=np.where(number % 3 == 0, "validation", "train"),
        age_predicted=labels["age"] + np.where(number % 2 == 0, 1, -1) * (number / 4 + seed),
        # every fifth gender is read wrongly
        p_female=np.where((labels["gender"] == 1) == (number % 5 != 0), 0.8, 0.1),
    )
    return table


def history_of(epochs, stage=1):
    table = pd.DataFrame({column: np.linspace(2, 1, epochs) for column in HISTORY_COLUMNS})
    accuracy = np.linspace(0.5, 0.9, epochs)
    return table.assign(
        epoch=np.arange(1, epochs + 1), stage=stage, gender_accuracy=accuracy, val_gender_accuracy=accuracy
    )


def write_run(folder, faces, predictions=None, epochs=3, finished=True, model="model_a", of=10, distributions=False):
    """A run folder as a training leaves it, or, unfinished, as it is while it runs."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {"name": faces.name, "fingerprint": faces.fingerprint}
    settings = {"training": {"model": model, "stages": [{"epochs": of}]}, "data": data}
    (folder / "config.json").write_text(json.dumps(settings))
    if epochs:
        history_of(epochs).to_csv(folder / "history.csv", index=False)
    if finished:
        provenance = {"data": {**data, "rendered": faces.synthetic, "images": len(faces)}}
        (folder / "provenance.json").write_text(json.dumps(provenance))
        predictions = predictions_of(faces) if predictions is None else predictions
        predictions.to_csv(folder / "predictions.csv", index=False)
        if distributions:
            held_out = predictions[predictions["split"] == "validation"]
            np.savez(
                folder / "age_distributions.npz",
                files=held_out["file"].to_numpy(str),
                distribution=distribution_around(held_out["age_predicted"].to_numpy()),
            )
        (folder / "metrics.json").write_text("{}")
    return folder


def distribution_around(means):
    """Rows over the ages 0 to 116 with these means: half of each ten years below, half ten years above, between two."""
    ages = np.arange(117)
    rows = []
    for mean in means:
        row = np.zeros(117)
        for centre in (mean - 8, mean + 8):
            low = int(np.floor(centre))
            row[low] += 0.5 * (low + 1 - centre)
            row[low + 1] += 0.5 * (centre - low)
        assert abs(row @ ages - mean) < 1e-6
        rows.append(row)
    return np.array(rows, "float32")
