"""How fast training and inference are here, against the original's pipeline and the project's budgets."""

import math
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from agegender_lib import data, folders, models
from agegender_lib.errors import InputError
from agegender_lib.training import build_network
from agegender_lib.training.export import save_model
from agegender_lib.training.network import network_to_save

from .single import one_image_seconds
from .timing import Rounds, Variant, added, in_turn, pace, speeds
from .training import BARE, ORIGINAL, OURS, default_precision, settings_of, training_variants
from .words import conditions, of_single_images, of_the_bare_step

ROUNDS = 5
BATCH = 100
BATCHES_OF_100, ONE_IMAGE = f"inference, batches of {BATCH}", "inference, one image, one core"


@dataclass(frozen=True)
class Bench:
    """What was measured.

    Attributes
    ----------
    conditions : list of str
        Sentences: machine, backend, precision, faces, and what is left out.
    speeds : DataFrame
        what, model, precision, images_per_second, ratio (times as fast as ``reference``), ms_per_image,
        processor_ms_per_image, reference, added (share of the bare step's time that loading and augmentation add
        to it; NaN for what is no whole training).
    sentences : list of str
        The two budgets and how far they are used.
    """

    conditions: list[str]
    speeds: pd.DataFrame
    sentences: list[str]


def bench(source: str | Path = "", images: int = 320, seconds: float = 3.0) -> Bench:
    """Measure training and inference speeds, in rounds, on faces from ``source``.

    Parameters
    ----------
    source : str or Path
        Folder or archive of faces; empty for drawn ones.
    images : int
        Faces to use at most, spread over the source's.
    seconds : float
        Of each measurement; each variant is measured once a round.

    Raises
    ------
    InputError
        If the source cannot be used, or ``images`` or ``seconds`` make no sense.
    """
    if images < 1:
        raise InputError(f"the speed was to be measured on {images} images: give at least 1")
    if not (seconds > 0 and math.isfinite(seconds)):
        raise InputError(f"a measurement was to take {seconds} seconds: give a number above 0, such as 3")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    # the faces are memory-mapped: where a mapped file cannot be deleted, it stays behind
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        temporary = Path(temporary)
        if str(source):
            faces = data.load_faces(source)
        else:
            faces = data.load_faces(data.render_faces(temporary / "drawn", images), temporary / "cache")
        rows = np.linspace(0, len(faces) - 1, min(images, len(faces))).round().astype(int)
        trainings = training_variants(faces, rows, temporary / "jpegs")
        files = _saved_models(temporary)
        batches = _batches(files, faces.images[np.resize(rows, BATCH)])
        rounds = in_turn(trainings | batches, ROUNDS, seconds)
        clock, processor = one_image_seconds(list(files.values()), seconds)
    names = [Variant(ONE_IMAGE, model, "float32") for model in files]
    table = tabulate(rounds, Rounds.of(names, np.transpose(clock), np.transpose(processor)))
    precision = default_precision()
    whole, bare = (Variant(what, "ModelA", precision) for what in (OURS, BARE))
    said = [
        of_the_bare_step(precision, *(added(times, whole, bare) for times in rounds)),
        of_single_images(table[table["what"] == ONE_IMAGE].set_index("model").loc["ModelA"]),
    ]
    return Bench(conditions(faces, len(rows), seconds, ROUNDS, precision, load), table, said)


def tabulate(rounds: Rounds, single: Rounds) -> pd.DataFrame:
    """The speeds of a :class:`Bench`, from trainings and batches, and from single images.

    In each of the three the first variant is the reference: the original's.
    """
    parts = []
    for part in (rounds.part((ORIGINAL, OURS, BARE)), rounds.part((BATCHES_OF_100,)), single):
        reference = Variant(*part.clock.columns[0])
        parts.append(speeds(part, reference).assign(reference=f"{reference.what}, model {reference.model}"))
    table = pd.concat(parts, ignore_index=True)
    names = [Variant(*row) for row in table[list(Variant._fields)].itertuples(index=False)]
    table["added"] = [
        added(rounds.clock, name, name._replace(what=BARE)).median()
        if name.what in (ORIGINAL, OURS)
        else np.nan
        for name in names
    ]
    return table


def _saved_models(folder: Path) -> dict[str, Path]:
    """Model files as trainings save them (random weights take the same time), and the published one."""
    files = {}
    for model in ("original", "ModelA"):
        config = settings_of(model)
        files[model] = folder / f"{model}.keras"
        save_model(network_to_save(build_network(config), config), files[model])
    published = folders.MODELS / "age_gender_A.keras"
    if published.is_file():
        files["report/models"] = published
    return files


def _batches(files, images) -> dict[Variant, Callable[[float], np.ndarray]]:
    def measuring(network):
        return lambda seconds: pace(lambda: models.predict(network, images, BATCH), BATCH, seconds)

    return {
        Variant(BATCHES_OF_100, model, "float32"): measuring(models.load_model(file))
        for model, file in files.items()
    }
