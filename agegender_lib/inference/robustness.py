"""Predictions of corrupted faces by a trained model, computed once and kept in its run folder."""

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from agegender_lib import cluster
from agegender_lib.data import CORRUPTIONS, REGIONS, FaceSet, corrupt
from agegender_lib.data.corruptions import CLEAN
from agegender_lib.files import write_csv
from agegender_lib.models import load_model, predict
from agegender_lib.runs import MODEL, labels_of, sampled_validation_rows

# Of the draw and of the noise.
_SEED = 0


def corrupted_predictions(
    run_folder: str | Path, faces: FaceSet, count: int = 300, client: cluster.Client | None = None
) -> pd.DataFrame:
    """A run's predictions of ``count`` of its validation faces, under every corruption at every strength.

    That is 45 predictions of every face, and one of the face as it is; which faces, ``runs.sampled_validation_rows``
    says. The ``faces`` are those that the run was made with. A later call with the same arguments reads
    ``robustness_<count>_0_<hash of the corruptions>.csv.gz`` in the run folder. The ``client`` is one of a Dask
    cluster that shares the work, see :func:`agegender_lib.cluster.connected`.

    Returns
    -------
    DataFrame
        corruption ("clean" first, then those of ``data.CORRUPTIONS``), strength (in the corruption's unit; 0 for
        "clean"), file, age, gender, race, duplicate_group, age_predicted (years), p_female (0 to 1).
    """
    folder = Path(run_folder)
    # a name that changes with the strengths and the regions covered
    meant = [(name, way.strengths, REGIONS.get(name)) for name, way in CORRUPTIONS.items()]
    version = hashlib.sha256(repr(meant).encode()).hexdigest()[:8]
    kept = folder / f"robustness_{count}_{_SEED}_{version}.csv.gz"
    if kept.is_file():
        return pd.read_csv(kept, dtype={"file": str, "corruption": str})
    held_out, place = sampled_validation_rows(folder, faces, count, _SEED, "robustness")
    labels, images = labels_of(held_out), np.asarray(faces.images[place])
    settings = [(CLEAN, 0.0)]
    settings += [(name, strength) for name, way in CORRUPTIONS.items() for strength in way.strengths]
    doing = "corrupted faces"
    if client:
        tasks = {f"{name}-{strength:g}": (name, strength) for name, strength in settings}
        shared = {"model": (folder / MODEL).read_bytes(), "images": images}
        found = dict(cluster.results(client, _on_worker, tasks, doing, shared))
        predictions = [found[task] for task in tasks]
    else:
        model = load_model(folder / MODEL)
        bar = tqdm(settings, desc=doing, unit="setting", disable=None, mininterval=1)
        predictions = [_corrupted(model, images, name, strength) for name, strength in bar]
    tables = [
        pd.concat([labels, predicted], axis=1).assign(corruption=name, strength=float(strength))
        for (name, strength), predicted in zip(settings, predictions, strict=True)
    ]
    table = pd.concat(tables, ignore_index=True)
    table = table[["corruption", "strength", *labels, "age_predicted", "p_female"]]
    write_csv(kept, table, float_format="%.5f")
    # the same digits at the first call as at every later one
    return pd.read_csv(kept, dtype={"file": str, "corruption": str})


def _corrupted(model, images, name, strength):
    corrupted = images if name == CLEAN else corrupt(images, name, strength, _SEED)
    return predict(model, corrupted, batch_size=min(100, len(corrupted)))


def _on_worker(name, strength, model, images):
    return _corrupted(_loaded(model), images, name, strength)


@lru_cache(1)
def _loaded(content: bytes):
    file = Path(MODEL)  # in the worker's own folder
    file.write_bytes(content)
    return load_model(file)
