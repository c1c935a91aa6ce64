"""Lookalikes on both sides of a split: those planted are found, others are not, and what they flatter is measured."""

import numpy as np
import pandas as pd
import pytest

from agegender_lib.evaluation import lookalike_errors, lookalikes
from agegender_lib.runs import predictions_table

PLANTED = 60


def faces(count=800):
    """Faces, the first 200 held out, of which the first 60 are of one person each with a training face."""
    rng = np.random.default_rng(1)
    gender, race, age = rng.integers(2, size=count), rng.integers(4, size=count), rng.integers(1, 80, count)
    gender[200 : 200 + PLANTED], race[200 : 200 + PLANTED] = gender[:PLANTED], race[:PLANTED]
    person = rng.standard_normal((count, 64))
    person[200 : 200 + PLANTED] = person[:PLANTED]
    # what they have in common for being of one age, gender and race is more than for being one person
    look = 3 * rng.standard_normal((10, 64))[age // 10] + 3 * rng.standard_normal((8, 64))[gender + 2 * race]
    features = person + look + 0.5 * rng.standard_normal((count, 64))
    table = pd.DataFrame({"file": [f"{n}.jpg" for n in range(count)], "age": age, "gender": gender, "race": race})
    return features, table, table["file"][:200]


def test_two_photographs_of_one_person_are_found_whatever_their_ages_share():
    features, table, held_out = faces()
    pairs, thresholds = lookalikes(features, table, held_out)
    planted = {(f"{n}.jpg", f"{n + 200}.jpg") for n in range(PLANTED)}
    found = set(zip(pairs["held_out"], pairs["training"], strict=True))
    assert len(found & planted) >= 0.9 * PLANTED and len(found - planted) <= 0.25 * len(found)
    strict = set(
        pairs.loc[pairs["similarity"] >= thresholds["threshold"][0], ["held_out", "training"]].itertuples(
            index=False, name=None
        )
    )
    assert len(strict & planted) >= 0.8 * PLANTED and len(strict - planted) <= 3
    assert pairs["similarity"].is_monotonic_decreasing and len(pairs) == len(found)
    ages = table.set_index("file")["age"]
    gap = (ages[pairs["held_out"]].to_numpy() - ages[pairs["training"]].to_numpy()).tolist()
    assert pairs["age_gap"].tolist() == np.abs(gap).tolist()
    strict, loose = thresholds.itertuples()
    assert loose.pairs == len(pairs) and loose.faces == pairs["held_out"].nunique()
    assert loose.expected <= 0.1 * loose.pairs and pairs["similarity"].min() >= loose.threshold
    assert strict.expected <= 1 and strict.threshold >= loose.threshold


def test_where_nobody_is_there_twice_hardly_any_pair_is_called_alike():
    features, table, held_out = faces()
    strangers = np.random.default_rng(3).standard_normal(features.shape)
    pairs, thresholds = lookalikes(strangers, table, held_out)
    assert len(pairs) <= 3 and thresholds["pairs"].max() == len(pairs)


def test_errors_with_and_without_a_lookalike_are_told_apart():
    rng = np.random.default_rng(4)
    has = np.arange(1000) < 300
    error, right = np.where(has, 2.0, 4.0) + rng.random(1000), rng.random(1000) < np.where(has, 0.98, 0.9)
    predictions = predictions_table(np.full(1000, 30), 30 + error, np.ones(1000, int), right * 1.0)
    pairs = pd.DataFrame({"held_out": predictions["file"][has], "similarity": np.where(np.arange(300) < 50, 0.9, 0.5)})
    thresholds = pd.DataFrame({"rule": ["strict", "loose"], "threshold": [0.8, 0.4]})
    found = lookalike_errors(predictions, pairs, thresholds).set_index(["rule", "measure"])
    assert (found.loc["strict", ["n_with", "n_without"]] == [50, 950]).all(axis=None)
    age, gender = found.loc[("loose", "age_mae")], found.loc[("loose", "gender_accuracy")]
    assert (age["n_with"], age["n_without"]) == (300, 700)
    assert age["without"] - age["with"] == pytest.approx(age["difference"]) and age["difference_low"] > 1.9
    assert age["change"] == pytest.approx(error[~has].mean() - error.mean()) and 0.5 < age["change_low"] < 0.6
    assert gender["difference_high"] < 0 and gender["with"] == pytest.approx(right[has].mean())
