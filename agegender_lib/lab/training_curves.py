"""The runs on disk, also those that are just running, and their training curves laid over each other."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from agegender_lib import folders, plots
from agegender_lib.errors import InputError
from agegender_lib.plots.style import nothing_yet
from agegender_lib.runs import CONFIG, HISTORY, HISTORY_COLUMNS, finished, model_name, read_json
from agegender_lib.runs.tables import read_table

_FIRST = 3  # drawn where none are named


def list_runs(places: Iterable[str | Path] = ()) -> pd.DataFrame:
    """How far runs are, and the best they have reached; the newest first.

    They are looked for in run folders and folders of run folders; in ``runs/`` and the report's where none is named.

    Returns
    -------
    DataFrame
        A row per run: run (the model, what tells it apart from others, and its data), epochs ("3 of 10"),
        age_mae (years) and gender_accuracy (the best epoch's, of validation faces; NaN where there is none yet), state
        ("finished", when the last epoch was, or why it cannot be read) and folder (Path).
    """
    places = [Path(place) for place in places] or [folders.RUNS, folders.REPORT / "results" / "runs"]
    found = {}
    for config in (path for place in places for path in (place / CONFIG, *sorted(place.glob(f"*/{CONFIG}")))):
        row = _training(config.parent)
        if row:
            found[config.parent.resolve()] = row
    columns = ["time", "run", "epochs", "age_mae", "gender_accuracy", "state", "folder"]
    table = pd.DataFrame(list(found.values()), columns=columns)
    return table.sort_values(["time", "run"], ascending=[False, True], ignore_index=True).drop(columns="time")


def training_curves(run_folders: Iterable[str | Path] = ()) -> Figure:
    """``plots.overlaid_curves`` of runs, as far as they are; of the newest three of :func:`list_runs` by default."""
    run_folders = [Path(folder) for folder in run_folders] or list_runs()["folder"].head(_FIRST)
    histories = {}
    for folder in run_folders:
        row = _training(folder)
        if not row:
            raise InputError(f"{folder} is not a run folder: give run folders, such as runs/model_a-...")
        if (folder / HISTORY).is_file():
            histories[row["run"]] = read_table(folder / HISTORY, HISTORY_COLUMNS)
    return plots.overlaid_curves(histories) if histories else nothing_yet("No epoch is finished yet.")


def _training(folder: Path) -> dict | None:
    """A row of :func:`list_runs`; None for another program's folder, or one that is gone again."""
    try:
        config = read_json(folder / CONFIG)
        epochs = sum(stage["epochs"] for stage in config["training"]["stages"])
        which = "as reported" if folder.parent.parent.name == "results" else folder.name.rpartition("-")[2]
        row = {"run": f"{model_name(folder)} {which}, {config['data']['name']}", "folder": folder}
        time = max(path.stat().st_mtime for path in (folder / CONFIG, folder / HISTORY) if path.exists())
    except (InputError, OSError, KeyError, TypeError):
        return None
    row |= {"time": time, "epochs": f"0 of {epochs}", "state": "no epoch is finished yet"}
    try:
        history = read_table(folder / HISTORY, HISTORY_COLUMNS) if (folder / HISTORY).is_file() else None
    except InputError as error:
        return row | {"state": str(error)}
    if history is not None:
        row |= {"epochs": f"{len(history)} of {epochs}", "state": f"{datetime.fromtimestamp(time):%d %b, %H:%M}"}
        row["age_mae"] = history["val_age_mae"].min()
        row["gender_accuracy"] = history["val_gender_accuracy"].max()
    return row | ({"state": "finished"} if finished(folder) else {})
