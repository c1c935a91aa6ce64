"""What is in a set of faces, as the handful of numbers a report quotes."""

from typing import Any

import numpy as np
import pandas as pd

from agegender_lib.data.cache import FaceSet
from agegender_lib.data.split import given_split

#: Sets that are known by what their labels look like, see `data.labels` and `data.label_table`.
KNOWN_SETS = ("UTKFace", "FairFace", "AgeDB", "FG-NET")
RENDERED_NOTE = "synthetic stand-in faces, not photographs"


def summarise_faces(faces: FaceSet, pairs: pd.DataFrame, split: pd.Series) -> dict[str, Any]:
    """Counts and typical values of a set of faces: names to plain numbers and texts.

    ``pairs`` are those of `duplicate_pairs`, ``split`` is that of `split_faces`. Ages are in years; fractions lie in
    0 to 1; `mark` follows the caption of whatever is made from these faces and is empty for photographs.
    """
    ages, gender = faces.table["age"], faces.table["gender"]
    in_split = {part: faces.table[split == part] for part in ("train", "validation")}
    modes = ages.value_counts()
    copies = faces.table.assign(split=split).query("duplicate_group >= 0 and split != 'unused'")
    sides = copies.groupby("duplicate_group")["split"]
    return {
        "name": faces.name,
        "set_name": set_name(faces),
        "split_given": given_split(faces.table)[0] is not None,
        "fingerprint": faces.fingerprint,
        "rendered": faces.synthetic,
        "mark": f" {RENDERED_NOTE.capitalize()}." if faces.synthetic else "",
        "images": len(faces),
        "rejected": len(faces.rejected),
        "male": int((gender == 0).sum()),
        "female": int((gender == 1).sum()),
        "age_min": int(ages.min()),
        "age_max": int(ages.max()),
        "age_mean": float(ages.mean()),
        "age_median": float(ages.median()),
        "commonest_age": int(modes.index[0]),
        "commonest_age_share": float(modes.iloc[0] / len(ages)),
        "largest_race": int(faces.table["race"].value_counts().iloc[0]),
        "duplicate_pairs": len(pairs),
        "identical_pairs": int(pairs["identical"].sum()),
        "age_conflicts": int((pairs["age_gap"] > 0).sum()),
        "largest_age_gap": int(pairs["age_gap"].max()) if len(pairs) else 0,
        "gender_conflicts": int((pairs["gender_a"] != pairs["gender_b"]).sum()),
        "groups_across_split": int((sides.min() != sides.max()).sum()),
        "train": len(in_split["train"]),
        "validation": len(in_split["validation"]),
        "train_median_age": float(in_split["train"]["age"].median()),
        "train_female_share": float(np.mean(in_split["train"]["gender"] == 1)),
    }


def set_name(faces: FaceSet) -> str:
    """The known set that faces are of, or several, as "UTKFace and FairFace"; "" where one of them is not known."""
    labels = [note.partition("labels: ")[2] for note in faces.notes if "labels: " in note]
    found = [
        next((name for name in KNOWN_SETS if said.startswith(f"{name}'s file names") or f" ({name}): " in said), "")
        for said in labels
    ]
    return " and ".join(dict.fromkeys(found)) if all(found) else ""


def split_table(faces: FaceSet, split: pd.Series) -> pd.DataFrame:
    """A row per side of the split: split, images, age_median, age_mean (years), female (fraction), youngest, oldest."""
    grouped = faces.table.assign(split=split).groupby("split", sort=True)
    table = grouped["age"].agg(images="size", age_median="median", age_mean="mean", youngest="min", oldest="max")
    table["female"] = grouped["gender"].mean()
    return table.reset_index()
