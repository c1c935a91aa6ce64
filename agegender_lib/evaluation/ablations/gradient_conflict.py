"""Whether the two tasks' gradients agreed during training, from the histories of runs that measured it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

COLUMN = "gradient_cosine"
ALL, MEAN = "all", "mean"
PHASES = ("start", "middle", "end")


def gradient_cosines(histories: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The cosine between the age's and the gender's gradients on the shared layers, by run, group and epoch.

    Runs that measured nothing, or share no layers, are left out.

    Returns
    -------
    DataFrame
        run, epoch, group ("all" for all shared weights together, then each group from the input upwards), cosine
        (-1 to 1; missing where it was not measured, as in a stage that trains the heads only). Of several runs there
        is also the "mean", over the epochs that all of them have. No rows where nothing was measured.
    """
    tables, columns = [], ["run", "epoch", "group", "cosine"]
    for name, history in histories.items():
        if COLUMN in history:
            measured = [column for column in history if column == COLUMN or column.startswith(f"{COLUMN}:")]
            long = history.melt(id_vars="epoch", value_vars=measured, var_name="group", value_name="cosine")
            group = long["group"].str.removeprefix(f"{COLUMN}:").replace(COLUMN, ALL)
            tables.append(long.assign(run=name, group=group))
    if not tables:
        return pd.DataFrame(columns=columns)
    table = pd.concat(tables, ignore_index=True)
    if len(tables) > 1:
        by = table.groupby(["group", "epoch"], sort=False)["cosine"]
        mean = by.mean()[by.size() == len(tables)].reset_index()
        table = pd.concat([table, mean.assign(run=MEAN)], ignore_index=True)
    return table[columns]


def gradient_depth(cosines: pd.DataFrame) -> pd.DataFrame:
    """The cosine by depth at the start, in the middle and at the end of training.

    One epoch's cosine is noisy, so each is the mean of a tenth of the epochs: the first, the middle and the last.

    Returns
    -------
    DataFrame
        phase ("start", "middle", "end"), group (from the input upwards), cosine (mean over runs), low and high (runs).
    """
    each = cosines[(cosines["run"] != MEAN) & (cosines["group"] != ALL)].dropna(subset=["cosine"])
    found = []
    for (_, group), rows in each.groupby(["run", "group"], sort=False):
        values = rows.sort_values("epoch")["cosine"].to_numpy()
        count = max(1, round(len(values) / 10))
        for phase, first in zip(PHASES, (0, (len(values) - count) // 2, len(values) - count), strict=True):
            found.append((phase, group, np.mean(values[first : first + count])))
    table = pd.DataFrame(found, columns=["phase", "group", "value"]).astype({"value": float})
    depth = table.groupby(["phase", "group"], sort=False)["value"].agg(cosine="mean", low="min", high="max")
    return depth.reset_index()


def mean_cosine(cosines: pd.DataFrame) -> float:
    """The mean over epochs and runs, on all shared layers together; NaN where nothing was measured."""
    return cosines[(cosines["group"] == ALL) & (cosines["run"] != MEAN)]["cosine"].astype(float).mean()
