"""The spread of one recipe's results over seeds, beside the spread that the choice of images makes."""

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import gammaincinv, ndtri

from agegender_lib.evaluation.metrics import evaluate
from agegender_lib.evaluation.statistics.bootstrap import LEVEL
from agegender_lib.evaluation.tables import check_same_images
from agegender_lib.runs import Run

POOLED = "all settings"


def seed_variance(runs: Mapping[str, Run]) -> pd.DataFrame:
    """How much a metric varies between runs that differ in their seed alone, and between samples of images.

    A bootstrap over validation images knows nothing of how a training's first weights, order of images and
    augmentation fell; repeating the training with other seeds does (Bouthillier et al. 2021). Of the ``runs``, finished
    ones of a study, those that no other equals in all but the seed are left out.

    Returns
    -------
    DataFrame
        A row per model, settings and metric of ``metrics.evaluate``: ``model``; ``settings`` (the names of the runs);
        ``metric``; ``seeds``, how many; ``mean`` over seeds; ``seed_sd``, the standard deviation between seeds, with
        its 95 % interval, for normal values, as ``_low`` and ``_high``; ``sampling_sd``, the mean bootstrap interval's
        half-width divided by 1.96; ``half_width``, that half-width; ``dominant_source``, the larger of the two ("seeds"
        or "images"). A few seeds tell little of a spread, so every model with several settings has rows "all settings",
        in which ``seed_sd`` is pooled (root of the mean variance). No rows where no run was repeated.
    """
    settings: dict[str, list[str]] = {}
    for name, run in runs.items():
        without_seed = run.config | {"training": {**run.config["training"], "seed": None}}
        settings.setdefault(json.dumps(without_seed, sort_keys=True), []).append(name)
    columns = ["model", "settings", "metric", "seeds", "mean", "seed_sd", "seed_sd_low", "seed_sd_high",
               "sampling_sd", "half_width", "dominant_source"]  # fmt: skip
    tables = []
    for names in settings.values():
        if len({runs[name].config["training"]["seed"] for name in names}) > 1:
            model = str(runs[names[0]].config["training"]["model"])
            table = _spread([runs[name] for name in names], names)
            tables.append(table.assign(model=model, settings=", ".join(names)))
    if not tables:
        return pd.DataFrame(columns=columns)
    table = pd.concat(tables, ignore_index=True)
    for model, rows in table.groupby("model", sort=False):
        if len(set(rows["settings"])) > 1:
            tables.append(_pooled(rows).assign(model=model, settings=POOLED))
    table = pd.concat(tables, ignore_index=True)
    freedom = table.pop("freedom")
    for end, side in (("low", 1), ("high", -1)):
        # of a normal standard deviation, from the chi-squared distribution
        quantile = 2 * gammaincinv(freedom / 2, (1 + side * LEVEL) / 2)
        table[f"seed_sd_{end}"] = table["seed_sd"] * np.sqrt(freedom / quantile)
    table["dominant_source"] = np.where(table["seed_sd"] > table["sampling_sd"], "seeds", "images")
    return table[columns]


def _spread(repeated, names):
    first = repeated[0].validation.set_index("file")
    summaries = []
    for run in repeated:
        check_same_images(first, run.validation.set_index("file"))
        summaries.append(evaluate(run.validation).set_index("metric"))
    values = pd.concat([summary["value"] for summary in summaries], axis=1)
    half_width = pd.concat([(s["high"] - s["low"]) / 2 for s in summaries], axis=1).mean(axis=1)
    table = pd.DataFrame({"mean": values.mean(axis=1), "seed_sd": values.std(axis=1, ddof=1)})
    table["half_width"], table["sampling_sd"] = half_width, half_width / ndtri((1 + LEVEL) / 2)
    return table.assign(seeds=len(names), freedom=len(names) - 1).reset_index()


def _pooled(rows):
    """One row per metric: squared spreads averaged by their degrees of freedom."""
    rows = rows.assign(squares=rows["freedom"] * rows["seed_sd"] ** 2)
    by_metric = rows.groupby("metric", sort=False)
    pooled = by_metric[["mean", "sampling_sd", "half_width"]].agg(lambda own: own.mean())
    pooled[["seeds", "freedom"]] = by_metric[["seeds", "freedom"]].sum()
    squares = by_metric["squares"].agg(lambda own: own.sum(skipna=False))
    pooled["seed_sd"] = np.sqrt(squares / pooled["freedom"])
    return pooled.reset_index()
