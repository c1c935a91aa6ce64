"""Models beside each other on the same images, beside a constant baseline, and beside the original report."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from agegender_lib.errors import InputError
from agegender_lib.evaluation.metrics import evaluate
from agegender_lib.evaluation.statistics.bootstrap import bootstrap_p, estimates
from agegender_lib.evaluation.tables import MEASURES, check_same_images, scores
from agegender_lib.runs import Run
from agegender_lib.runs.tables import check_predictions

#: What one gets without looking at the picture.
BASELINE = "median age, majority gender"


def paired_comparison(predictions_a: pd.DataFrame, predictions_b: pd.DataFrame) -> pd.DataFrame:
    """Is model b better than model a on the same images? A paired comparison.

    Pairing removes what is hard about the images themselves, and so finds differences that two separate
    intervals hide. The age test is a paired bootstrap over duplicate groups; the gender test is McNemar's exact
    one on the images that only one model gets right (Dietterich 1998).

    Returns
    -------
    DataFrame
        Rows ``age_mae`` (years) and ``gender_accuracy``. Columns: ``metric, a, b, difference`` (b minus a),
        ``low, high`` (95 %), ``p, test, a_better, b_better`` (images on which that model has the smaller age error, or
        alone names the right gender) and ``n``.

    >>> from agegender_lib.runs import predictions_table
    >>> a, b = (predictions_table([20, 30, 40], ages) for ages in ([24, 30, 44], [21, 30, 42]))
    >>> paired_comparison(a, b)[["metric", "difference", "b_better"]].head(1)
        metric  difference  b_better
    0  age_mae   -1.666667         2
    """
    check_predictions(predictions_a)
    check_predictions(predictions_b)
    a, b = predictions_a.set_index("file"), predictions_b.set_index("file")
    check_same_images(a, b)
    from scipy.stats import binomtest  # takes half a second to import, and a photo is read without it

    b = b.loc[a.index]
    if (a[["age", "gender"]] != b[["age", "gender"]]).any(axis=None):
        raise InputError("The two predictions tables label the same files differently: train both on the same data.")
    of_a, of_b = scores(a)[[*MEASURES]], scores(b)[[*MEASURES]]
    found = estimates(of_b - of_a, a["duplicate_group"])
    less, more = (of_a < of_b).sum(), (of_a > of_b).sum()
    only_a, only_b = int(more["gender_accuracy"]), int(less["gender_accuracy"])
    mcnemar = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    p = bootstrap_p(found["age_mae"].draws)
    # of both, on how many images alone it is better
    tests = {
        "age_mae": (p, "paired bootstrap", int(less["age_mae"]), int(more["age_mae"])),
        "gender_accuracy": (float(mcnemar), "exact McNemar", only_a, only_b),
    }
    rows = [(name, of_a[name].mean(), of_b[name].mean(), *found[name][:3], *tests[name], len(a)) for name in MEASURES]
    columns = ["metric", "a", "b", "difference", "low", "high", "p", "test", "a_better", "b_better", "n"]
    return pd.DataFrame(rows, columns=columns)


def pairwise_comparisons(predictions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """:func:`paired_comparison` of every model, ``first`` (a), against every later one, ``second`` (b), by name."""
    pairs = combinations(predictions, 2)
    tables = {pair: paired_comparison(*(predictions[name] for name in pair)) for pair in pairs}
    table = pd.concat(tables, names=["first", "second"])
    return table.reset_index(["first", "second"]).reset_index(drop=True)


def headline(runs: Mapping[str, Run]) -> pd.DataFrame:
    """The table everybody looks at first: a row per model, the original report's and the constant baseline below.

    Returns
    -------
    DataFrame
        model, source, age_mae, age_low, age_high (years), gender_accuracy, gender_low, gender_high (0 to 1),
        images. An interval that a source does not give is missing.
    """
    tables = {(name, "this work"): evaluate(run.validation) for name, run in runs.items()}
    tables |= {(name, "original report"): table for name, table in original_report().groupby("model")}
    first = next(iter(runs.values()))
    tables["Constant baseline", BASELINE] = evaluate(constant_predictions(first.train, first.validation))
    rows = []
    for (name, source), table in tables.items():
        row = {"model": name, "source": source}
        for metric, short in (("age_mae", "age"), ("gender_accuracy", "gender")):
            found = table.set_index("metric").loc[metric]
            row |= {metric: found["value"], f"{short}_low": found["low"], f"{short}_high": found["high"]}
        rows.append(row | {"images": int(table["n"].iloc[0])})
    return pd.DataFrame(rows)


def constant_predictions(train: pd.DataFrame, validation: pd.DataFrame) -> pd.DataFrame:
    """``validation`` predicted without looking: the median age and the fraction of women of ``train`` for every image.

    The fraction, read at 0.5 as every P(female) is, names the majority gender.

    >>> from agegender_lib.runs import predictions_table
    >>> train, validation = predictions_table([20, 30, 90], [0, 0, 0]), predictions_table([50], [48])
    >>> constant_predictions(train, validation)["age_predicted"].tolist()
    [30.0]
    """
    return validation.assign(age_predicted=float(train["age"].median()), p_female=float(train["gender"].mean()))


def original_report() -> pd.DataFrame:
    """The validation results of the original report (2022), as far as it prints them; it gives no intervals.

    ModelA: its text (age at the best epoch, gender "close to 90 %"). ModelB: each metric's best of the eight epochs.
    """
    values = [
        ("ModelA", "age_mae", 6.9),
        ("ModelA", "gender_accuracy", 0.90),
        ("ModelB", "age_mae", 8.4962),
        ("ModelB", "gender_accuracy", 0.9030),
    ]
    table = pd.DataFrame(values, columns=["model", "metric", "value"])
    return table.assign(low=np.nan, high=np.nan, n=1000, source="original report")


def beside_original(summaries: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Our results (model name to ``evaluate`` table) and the original report's in one tidy table, by ``source``."""
    ours = [summary.assign(model=model, source="this work") for model, summary in summaries.items()]
    table = pd.concat([*ours, original_report()], ignore_index=True)
    return table[["model", "source", "metric", "value", "low", "high", "n"]]
