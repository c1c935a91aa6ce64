"""The folder that a notebook saves into what the report prints: figures, tables, values, runs and their models."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from agegender_lib import folders, plots
from agegender_lib.data import FaceSet
from agegender_lib.data.summary import RENDERED_NOTE
from agegender_lib.errors import InputError
from agegender_lib.files import copy_file, write_csv, write_json
from agegender_lib.photos import write_corrections
from agegender_lib.reporting.made_from import parameters_now, parameters_used, record
from agegender_lib.runs import (
    CONFIG,
    TABLES,
    check_run,
    kept_predictions,
    model_name,
    read_json,
    read_run,
    trained_runs,
)
from agegender_lib.runs.kept import keep_runs

if TYPE_CHECKING:
    from agegender_lib.training.search import Search

#: The chapter that trains each model.
TRAINED_BY = {"ModelA": "02_model_a", "ModelB": "03_pretrained", "ModelF": "03_pretrained"}
MODEL_FILES = (".keras", ".h5")
#: Six digits are more than any printed number shows and hide the last bits, in which machines differ.
DIGITS = 6


class ReportFolder:
    """A report folder, in which everything is labelled with the ``faces`` that it was made from.

    Parameters
    ----------
    folder : str or Path
        With `figures/`, `results/` and `models/` below it; empty for `build/lab`, so that exploring changes no report.
    chapter : str
        The notebook, without suffix. What it uses is recorded; all notebooks of a report must have used the same.
    """

    def __init__(self, folder: str | Path, faces: FaceSet, chapter: str = ""):
        self.folder = Path(folder) if str(folder) else folders.BUILD / "lab"
        self.faces = faces
        self.data_name = f"{faces.name} ({RENDERED_NOTE})" if faces.synthetic else faces.name
        self.chapter = chapter
        self._used = {"faces": faces.fingerprint[:12]} | parameters_used(parameters_now(chapter))
        self._made: dict[str, str] = {}
        self._record()

    def record_split(self, held_out: Iterable[str]) -> None:
        """Record which faces this notebook held out, by their files."""
        self._used["split"] = hashlib.sha256("\n".join(sorted(held_out)).encode()).hexdigest()[:12]
        self._record()

    def _record(self) -> None:
        if self.chapter:
            record(self.folder / "results", self.chapter, self.data_name, _plain(self._used), self._made)

    def save_figure(self, figure: Figure, name: str) -> Figure:
        """Keep a figure as `figures/<name>.svg` and `.png`; returns it, so that a cell shows it.

        One without axes only says that there is nothing to draw yet: it is shown and not kept.
        """
        if figure.axes:
            plots.save_figure(figure, name, self.folder / "figures", synthetic=self.faces.synthetic)
        return figure

    def save_table(self, table: pd.DataFrame | Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
        """Keep a table as `results/<name>.csv`, with a column that names the data; returns it without that.

        Tables by model become one, with the column ``model``.
        """
        if isinstance(table, Mapping):
            table = pd.concat(table, names=["model"]).reset_index("model").reset_index(drop=True)
        named = table.assign(data=self.data_name)
        write_csv(self._results(f"{name}.csv"), named, float_format=f"%.{DIGITS}g")
        return table

    def read_table(self, name: str) -> pd.DataFrame:
        """A table that was saved in this folder; else the repository's, which its published models gave."""
        own = self._results(f"{name}.csv")
        return pd.read_csv(own if own.is_file() else folders.REPORT / "results" / own.name).drop(columns="data")

    def save_values(self, name: str, values: dict[str, Any]) -> dict[str, Any]:
        """Keep values as `results/<name>.json`, where the report's placeholders find them."""
        plain = _plain({"made_from": self.data_name, **values})
        write_json(self._results(f"{name}.json"), plain)
        return plain

    def save_run(self, run: Path, name: str, model: str) -> str:
        """Keep a finished training: its tables under `results/runs/<name>/`, its model as `models/<model>.*`.

        Beside it lies what corrects its intervals. A model trained on drawn faces stays in its run folder. Returns, in
        words, what was kept.
        """
        self._made[model_name(run)] = run.name
        self.record_split(read_run(check_run(run, self.faces)).validation["file"])
        for part in TABLES:
            copy_file(run / part, self._results(Path("runs", name, part)))
        if self.faces.synthetic:
            return f"A model of drawn faces knows nothing about people: it stays in {run.name}."
        for suffix in MODEL_FILES:
            copy_file(run / f"model{suffix}", self.folder / "models" / f"{model}{suffix}")
        write_corrections(self.folder / "models" / f"{model}.keras", run, self.faces)
        return f"Kept for use: {' and '.join(f'models/{model}{suffix}' for suffix in MODEL_FILES)}."

    def save_predictions(self) -> None:
        """Keep the predictions of altered faces beside the tables of the runs that :meth:`save_run` kept."""
        for run in self.runs().values():
            place = self._results(Path("runs", read_json(run / CONFIG)["training"]["model"]))
            for path in kept_predictions(run):
                copy_file(path, place / path.name)

    def runs(self) -> dict[str, Path]:
        """The run folders that chapters 2 and 3 trained, by model; an InputError if one is missing."""
        runs, cure = trained_runs(self.folder / "results"), "execute {} with the same data and output first"
        missing = [model for model in TRAINED_BY if model not in runs]
        if missing:
            chapters = " and ".join(dict.fromkeys(TRAINED_BY[model] for model in missing))
            raise InputError(f"{self.folder} has no training of {', '.join(missing)} yet: {cure.format(chapters)}")
        return {model: check_run(runs[model], self.faces, cure.format(c)) for model, c in TRAINED_BY.items()}

    def save_runs(self, runs: pd.DataFrame) -> None:
        """Keep what is finished of studies in `results/ablations/<study>/`, for later reports that do not repeat it."""
        for study, found in runs.dropna(subset=["folder"]).groupby("study"):
            places = dict(zip(found["run"], found["folder"], strict=True))
            keep_runs(places, self._results(Path("ablations", study)))

    def save_search(self, search: "Search") -> None:
        """Keep the tables of a search in `results/search/`."""
        self.save_values("search/about", search.about)
        for name in ("trials", "epochs", "importances"):
            self.save_table(getattr(search, name), f"search/{name}")

    def _results(self, name: str | Path) -> Path:
        return self.folder / "results" / name


def _plain(value: Any) -> Any:
    """Only what JSON knows, numbers rounded; what is not a finite number becomes null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return json.loads(json.dumps(value))
