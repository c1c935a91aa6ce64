"""Robustness: how much worse a model gets on corrupted faces, and from which severity on that shows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from agegender_lib.data.corruptions import CLEAN, CORRUPTIONS
from agegender_lib.evaluation.statistics.bootstrap import Estimate, estimates
from agegender_lib.evaluation.tables import scores

ALL = "all"
#: Measure: the change that counts as harm. A year of age error, five points of gender accuracy.
TOLERANCE = {"age_mae": 1.0, "gender_accuracy": -0.05}


def robustness_table(predictions: pd.DataFrame) -> pd.DataFrame:
    """Errors of one model under every corruption and strength, and how they changed from the clean faces.

    The change is paired: the same faces corrupted and clean, so that how hard a face is in itself drops out;
    ``predictions`` are as ``inference.corrupted_predictions`` returns them.

    Returns
    -------
    DataFrame
        Per corruption six rows from the clean faces on: corruption, severity (0 clean, 1 to 5), strength (in the
        corruption's unit), n, and ``age_mae`` (years), ``age_mae_change``, ``gender_accuracy`` (0 to 1),
        ``gender_accuracy_change``, each with its 95 % interval as ``_low`` and ``_high``.
    """
    measured, group = _measured(predictions)
    columns: dict[tuple[str, Any], pd.Series] = {}
    for measure, wide in measured.items():
        columns |= {(measure, setting): values for setting, values in wide.items()}
        columns |= {(f"{measure}_change", setting): values for setting, values in _changes(wide).items()}
    found, none = estimates(columns, group), Estimate(0.0, 0.0, 0.0, np.zeros(0))
    rows = []
    for corruption, strengths in _settings(measured["age_mae"]).items():
        neutral = CORRUPTIONS[corruption].neutral
        for severity, strength in enumerate([neutral, *strengths]):
            setting = (corruption, strength) if severity else (CLEAN, 0.0)
            row = {"corruption": corruption, "severity": severity, "strength": strength, "n": len(group)}
            for measure in TOLERANCE:
                row |= found[measure, setting].columns(measure)
                change = found[f"{measure}_change", setting] if severity else none
                row |= change.columns(f"{measure}_change")
            rows.append(row)
    return pd.DataFrame(rows)


def robustness_summary(predictions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What each model loses to each corruption on average, and from which strength on it is harmed.

    ``predictions`` holds, by model, what ``inference.corrupted_predictions`` returns.

    Returns
    -------
    DataFrame
        A row per model and corruption, and one, "all", for the mean over all corruptions: model, corruption, title,
        unit; ``age_mae_change`` (years) and ``gender_accuracy_change``, the paired change from the clean faces averaged
        over the strengths, each with its 95 % interval as ``_low`` and ``_high``, and ``_breaking_severity``, the
        strength at which the age error has grown by a year, the accuracy fallen by 5 points: where the curve first
        crosses, linear between strengths; missing where it does not.
    """
    tables = [_summary(table).assign(model=name) for name, table in predictions.items()]
    table = pd.concat(tables, ignore_index=True)
    return table[["model", *table.columns.drop("model")]]


def _summary(predictions):
    measured, group = _measured(predictions)
    settings = _settings(measured["age_mae"])
    columns, limits = {}, {}
    for measure, wide in measured.items():
        changes = _changes(wide)
        columns[measure, ALL] = changes.mean(axis=1)
        limits[measure, ALL] = np.nan
        for corruption, strengths in settings.items():
            columns[measure, corruption] = changes[corruption].mean(axis=1)
            curve = [0.0, *changes[corruption][strengths].mean()]
            places = [CORRUPTIONS[corruption].neutral, *strengths]
            limits[measure, corruption] = _crossing(places, np.array(curve) / TOLERANCE[measure])
    found = estimates(columns, group)
    rows = []
    for corruption in [*settings, ALL]:
        way = CORRUPTIONS.get(corruption)
        words = {"title": way.title, "unit": way.unit} if way else {"title": "All", "unit": ""}
        row = {"corruption": corruption} | words
        for measure in TOLERANCE:
            row |= found[measure, corruption].columns(f"{measure}_change")
            row[f"{measure}_breaking_severity"] = limits[measure, corruption]
        rows.append(row)
    return pd.DataFrame(rows)


def _measured(predictions: pd.DataFrame) -> tuple[dict[str, pd.DataFrame], np.ndarray]:
    """Per measure a table of faces by (corruption, strength), and the faces' duplicate groups."""
    table = predictions.assign(**scores(predictions))
    both = table.pivot_table(index="file", columns=["corruption", "strength"], values=[*TOLERANCE])
    groups = predictions.drop_duplicates("file").set_index("file")["duplicate_group"]
    return {measure: both[measure] for measure in TOLERANCE}, groups[both.index].to_numpy()


def _changes(wide: pd.DataFrame) -> pd.DataFrame:
    """Every corrupted face's score minus that of the same face clean."""
    return wide.drop(columns=[CLEAN], level=0).sub(wide[CLEAN, 0.0], axis=0)


def _settings(wide: pd.DataFrame) -> dict[str, list[float]]:
    """The strengths that occur of every corruption, from the weakest on."""
    found = {name: [s for s in way.strengths if (name, s) in wide.columns] for name, way in CORRUPTIONS.items()}
    return {name: strengths for name, strengths in found.items() if strengths}


def _crossing(places: list[float], harm: np.ndarray) -> float:
    """Where ``harm`` (0 at the first place) first reaches 1, linear between places; NaN if nowhere."""
    reached = np.flatnonzero(harm >= 1)
    if not len(reached):
        return np.nan
    after = reached[0]
    share = (1 - harm[after - 1]) / (harm[after] - harm[after - 1])
    return float(places[after - 1] + share * (places[after] - places[after - 1]))
