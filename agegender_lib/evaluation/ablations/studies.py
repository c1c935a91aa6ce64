"""Ablation studies: each variant against its factor's baseline, on the same images and seeds."""

from pathlib import Path

import numpy as np
import pandas as pd

from agegender_lib.evaluation.statistics.bootstrap import bootstrap_p, estimates
from agegender_lib.evaluation.tables import MEASURES, check_same_images, scores
from agegender_lib.runs import Run, read_run
from agegender_lib.runs.kept import RUNS, read_kept


def read_runs(study: pd.DataFrame) -> dict[str, Run]:
    """The runs of a study, as `training.run_study` returns it, by run name; what is not trained is left out."""
    found = study.dropna(subset=["folder"]).drop_duplicates("run")
    runs: dict[str, Run] = {}
    for folder, rows in found.groupby("folder"):
        kept = (Path(folder) / RUNS).is_file()
        runs |= read_kept(folder, rows["run"]) if kept else {folder.name: read_run(folder)}
    return {name: runs[name] for name in found["run"]}


def run_table(study: pd.DataFrame, runs: dict[str, Run]) -> pd.DataFrame:
    """A row per training: what it reached, and what it cost.

    Returns
    -------
    DataFrame
        factor, variant, seed, run, age_mae (years), gender_accuracy (0 to 1), both of the validation images;
        train_age_mae, train_gender_accuracy; epochs, seconds_per_epoch, parameters. Missing where not trained.
    """
    costs, rows = ["epochs", "seconds_per_epoch", "parameters"], {}
    for name, run in runs.items():
        rows[name] = {measure: run.metrics["validation"][measure] for measure in MEASURES}
        rows[name] |= {f"train_{measure}": run.metrics["train"][measure] for measure in MEASURES}
        rows[name] |= {cost: run.metrics[cost] for cost in costs}
    columns = [*MEASURES, *(f"train_{measure}" for measure in MEASURES), *costs]
    reached = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return study[["factor", "variant", "seed", "run"]].join(reached, on="run").reset_index(drop=True)


def compare_variants(study: pd.DataFrame, runs: dict[str, Run]) -> pd.DataFrame:
    """Each variant of each factor, and how it differs from the factor's baseline.

    An image's error (and whether its gender is right) is first averaged over seeds; the bootstrap then draws images,
    duplicates together. Differences use the seeds that both variants have. The spread over seeds is a second source of
    error that these intervals leave out; it stands beside them.

    Returns
    -------
    DataFrame
        A row per factor and variant: factor, variant, baseline, seeds, and for both measures ``<measure>``,
        ``<measure>_low``, ``<measure>_high`` (95 %), ``<measure>_sd`` (over seeds, missing for one), and, but for the
        baseline, ``<measure>_difference`` with ``_low``, ``_high`` and ``_p``. Years, and fractions of 1. A variant
        without a finished training has 0 seeds.
    """
    rows = []
    for factor, members in study.groupby("factor", sort=False):
        tables = {
            variant: {
                row.seed: runs[row.run].validation.set_index("file") for row in variants.itertuples() if row.run in runs
            }
            for variant, variants in members.groupby("variant", sort=False)
        }
        baseline = members.loc[members["baseline"], "variant"].iloc[0]
        first, *others = [table for by_seed in tables.values() for table in by_seed.values()] or [None]
        for other in others:
            check_same_images(first, other)
        for variant, by_seed in tables.items():
            row = {"factor": factor, "variant": variant, "baseline": variant == baseline}
            row["seeds"] = len(by_seed)
            if by_seed:
                row |= _reached(by_seed)
            shared = sorted(by_seed.keys() & tables[baseline].keys())
            if variant != baseline and shared:
                row |= _difference(by_seed, tables[baseline], shared)
            rows.append(row)
    ends = ("", "_low", "_high", "_sd", "_difference", "_difference_low", "_difference_high", "_difference_p")
    columns = [f"{measure}{end}" for measure in MEASURES for end in ends]
    return pd.DataFrame(rows).reindex(columns=["factor", "variant", "baseline", "seeds", *columns])


def _values(by_seed, seeds, files):
    """Absolute error and correctness of these files, float [seeds, images] each."""
    tables = [scores(by_seed[seed].loc[files]) for seed in seeds]
    return {name: np.stack([table[name].to_numpy() for table in tables]) for name in MEASURES}


def _reached(by_seed):
    first = by_seed[min(by_seed)]
    values = _values(by_seed, sorted(by_seed), first.index)
    drawn = estimates({name: v.mean(axis=0) for name, v in values.items()}, first["duplicate_group"])
    found = {}
    for name, v in values.items():
        per_seed = v.mean(axis=1)
        spread = per_seed.std(ddof=1) if len(per_seed) > 1 else np.nan
        found |= drawn[name].columns(name) | {name: per_seed.mean(), f"{name}_sd": spread}
    return found


def _difference(by_seed, baseline, seeds):
    first = by_seed[seeds[0]]
    values, others = (_values(tables, seeds, first.index) for tables in (by_seed, baseline))
    gaps = {name: (values[name] - others[name]).mean(axis=0) for name in MEASURES}
    found = {}
    for name, gap in estimates(gaps, first["duplicate_group"]).items():
        found |= gap.columns(f"{name}_difference") | {f"{name}_difference_p": bootstrap_p(gap.draws)}
    return found
