"""The finished runs of a study as three tables: what a later report shows of them without training again."""

import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from agegender_lib.errors import InputError
from agegender_lib.files import write_csv
from agegender_lib.runs.settings import with_present_names
from agegender_lib.runs.tables import HISTORY_COLUMNS, PREDICTION_COLUMNS, Run, check_predictions, read_table

#: A row per training; per training and epoch; per training and face that it held out.
RUNS, HISTORIES, PREDICTIONS = "runs.csv", "histories.csv", "predictions.csv.gz"
_PARTS = ("config", "metrics", "provenance")


def keep_runs(places: Mapping[str, Path], folder: Path) -> None:
    """Write finished runs, by name in run folders or in folders of such tables, as three tables in ``folder``.

    ``runs.csv`` has every value of a run folder's JSON files, in columns such as ``config.training.seed``; lists are
    JSON, and what a run lacks is empty. ``histories.csv`` and ``predictions.csv.gz`` have the columns of a run folder's
    tables and ``run``; predictions are those of validation images, sorted by face, which packs best. The same runs
    give the same bytes.
    """
    by_place: dict[Path, list[str]] = {}
    for name, place in places.items():
        by_place.setdefault(Path(place), []).append(name)
    found = [_texts(place, names) for place, names in by_place.items()]
    runs, histories, predictions = (pd.concat(tables).fillna("") for tables in zip(*found, strict=True))
    write_csv(folder / PREDICTIONS, _arranged(predictions, ["file", "run"], PREDICTION_COLUMNS))
    write_csv(folder / HISTORIES, _arranged(histories, ["run"], HISTORY_COLUMNS))
    # the last, because what it names is taken for there
    write_csv(folder / RUNS, _arranged(runs, ["run"], sorted(c for c in runs if (runs[c] != "").any())))


def find_kept(folder: Path) -> dict[str, Path]:
    """Where runs are kept: of each run's name, the folder of tables, below ``folder``, that has it."""
    tables = sorted(Path(folder).glob(f"*/{RUNS}"))
    return {name: table.parent for table in tables for name in _read_text(table)["run"]}


def read_kept(folder: Path, names: Iterable[str]) -> dict[str, Run]:
    """These runs of a folder of tables, by name; an InputError if it lacks one, or cannot be read."""
    settings = _read_text(folder / RUNS).set_index("run")
    histories, predictions = (
        dict(iter(read_table(folder / file, ("run", *columns)).groupby("run", sort=False)))
        for file, columns in ((HISTORIES, HISTORY_COLUMNS), (PREDICTIONS, PREDICTION_COLUMNS))
    )
    found = {}
    for name in names:
        if name not in settings.index or name not in histories or name not in predictions:
            raise InputError(f"{folder} does not have all of the training {name}: keep its runs again.")
        history, own = (table[name].drop(columns="run").reset_index(drop=True) for table in (histories, predictions))
        # of other runs, such as those that compared gradients
        foreign = [c for c in history if c not in HISTORY_COLUMNS and history[c].isna().all()]
        check_predictions(own, one_split=False)
        parts = _nested(settings.loc[name])
        config, metrics, provenance = (parts[part] for part in _PARTS)
        found[name] = Run(name, with_present_names(config), provenance, history.drop(columns=foreign), own, metrics)
    return found


def _texts(place: Path, names: list[str]) -> tuple[pd.DataFrame, ...]:
    """Settings, histories and predictions as text, so that numbers are kept digit by digit."""
    if (place / RUNS).is_file():
        kept = (_read_text(place / file) for file in (RUNS, HISTORIES, PREDICTIONS))
        return tuple(table[table["run"].isin(names)] for table in kept)
    content = {part: json.loads((place / f"{part}.json").read_text(encoding="utf-8")) for part in _PARTS}
    predictions = _read_text(place / "predictions.csv")
    tables = (
        pd.DataFrame([_flat(content)]),
        _read_text(place / "history.csv"),
        predictions[predictions["split"] == "validation"],
    )
    return tuple(table.assign(run=place.name) for table in tables)


def _arranged(table: pd.DataFrame, order: list[str], first: Iterable[str]) -> pd.DataFrame:
    """Rows and columns in an order that does not depend on where they were found, without columns of other runs."""
    others = [column for _, rows in table.groupby("run") for column in rows.columns[(rows != "").any()]]
    return table.sort_values(order, kind="stable")[list(dict.fromkeys(["run", *first, *others]))]


def _read_text(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({error}): keep its runs again.") from error


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested mappings as cells by dotted path."""
    cells: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            cells |= _flat(value, f"{prefix}{key}.")
        else:
            plain = isinstance(value, str) and value and _value(value) == value
            cells[prefix + key] = value if plain else json.dumps(value, ensure_ascii=False)
    return cells


def _nested(cells: pd.Series) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, cell in cells[cells != ""].items():
        *way, last = str(path).split(".")
        place = nested
        for key in way:
            place = place.setdefault(key, {})
        place[last] = _value(cell)
    return nested


def _value(cell: str) -> Any:
    """JSON, or what is none as the text that it is."""
    try:
        return json.loads(cell)
    except ValueError:
        return cell
