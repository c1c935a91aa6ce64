"""Learning curves on disk, of trainings that may be running."""

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from agegender_lib.errors import InputError
from agegender_lib.runs import CONFIG, HISTORY, HISTORY_COLUMNS, finished, model_name


@dataclass(frozen=True)
class Training:
    """A run folder as it is now.

    Attributes
    ----------
    folder : Path
    name : str
        The model, what tells it apart from others, and its data.
    epochs : int
        Those it will have at most.
    finished : bool
    stamp : tuple or None
        Changes with ``history.csv``; None as long as no epoch is finished.
    time : float
        When the last epoch was finished, or, before the first, the training began; seconds since 1970.
    """

    folder: Path
    name: str
    epochs: int
    finished: bool
    stamp: tuple[int, int] | None
    time: float


def find_trainings(places: Iterable[Path]) -> list[Training]:
    """The trainings in these folders, each a run folder or a folder of run folders; the newest first.

    A folder that is not there yet has none.
    """
    found = {}
    for place in map(Path, places):
        for settings in [place / CONFIG, *sorted(place.glob(f"*/{CONFIG}"))]:
            training = _training(settings.parent)
            if training:
                found[training.folder.resolve()] = training
    return sorted(found.values(), key=lambda training: (-training.time, training.name))


def read_history(folder: Path) -> pd.DataFrame | None:
    """The finished epochs of a training, also of one that is just running.

    Returns
    -------
    DataFrame or None
        As ``training.train`` writes ``history.csv``, of at least one epoch; None where there is none yet.

    Raises
    ------
    InputError
        When what is there is no history.
    """
    try:
        text = (folder / HISTORY).read_text(encoding="utf-8")
        # a training replaces the file whole, but what copies it here may not: the number that a part ends in is wrong
        table = pd.read_csv(io.StringIO(text[: text.rfind("\n") + 1])) if "\n" in text else pd.DataFrame()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / HISTORY} cannot be read ({str(error).strip()})") from error
    missing = [column for column in HISTORY_COLUMNS if column not in table]
    if len(table) and missing:
        raise InputError(f"{folder / HISTORY} lacks the column(s) {', '.join(missing)}")
    return table if len(table) else None


def _training(folder: Path) -> Training | None:
    try:
        settings = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        stages, data = settings["training"]["stages"], settings["data"]["name"]
        epochs = sum(stage["epochs"] for stage in stages)
        stamp, when = None, (folder / CONFIG).stat().st_mtime
    except (OSError, ValueError, KeyError, TypeError):
        return None  # another program's folder, or one that is gone again
    try:
        status = (folder / HISTORY).stat()
        stamp, when = (status.st_mtime_ns, status.st_size), status.st_mtime
    except OSError:
        pass  # no epoch yet
    which = folder.name.rpartition("-")[2]
    if folder.parent.parent.name == "results":
        which = "as reported"
    name = f"{model_name(folder)} {which}, {data}"
    return Training(folder, name, epochs, finished(folder), stamp, when)
