"""The spread over seeds: as large as planted, and told from the spread that the images make."""

import numpy as np
import pytest
from made_runs import run_with

from agegender_lib.errors import InputError
from agegender_lib.evaluation import evaluate, seed_variance
from agegender_lib.runs import predictions_table

IMAGES = 300


def training(seed, shift=0.0, noise=6.0, model="model_a", **settings):
    """A finished training whose answers are too old by ``shift`` for everybody; the images are always the same."""
    rng = np.random.default_rng(0)
    age, gender = rng.integers(1, 90, IMAGES), rng.integers(2, size=IMAGES)
    # an error of one sign, so that a shift moves the mean absolute error by itself
    read = age + 30 + noise * rng.standard_normal(IMAGES) + shift
    p_female = np.where(rng.random(IMAGES) < 0.9, gender, 1 - gender) * 0.8 + 0.1
    predictions = predictions_table(age, read, gender, p_female)
    config = {"training": {"model": model, "seed": seed, **settings}, "data": {"name": "faces"}}
    return run_with(predictions, f"{model}-{seed}", config)


def age_error(table):
    return table[table["metric"] == "age_mae"].set_index("settings")


def test_the_spread_of_three_seeds_is_counted_by_hand():
    runs = {"a": training(1, -1.0), "b": training(2, 0.0), "c": training(3, 4.0)}
    table = seed_variance(runs)
    row = age_error(table).loc["a, b, c"]
    first = evaluate(runs["b"].validation).set_index("metric").loc["age_mae"]
    assert row["seeds"] == 3 and row["model"] == "model_a"
    assert row["mean"] == pytest.approx(first["value"] + 1)
    assert row["seed_sd"] == pytest.approx(7**0.5)  # of -1, 0 and 4
    assert row["half_width"] == pytest.approx((first["high"] - first["low"]) / 2)
    assert row["sampling_sd"] == pytest.approx(6 / IMAGES**0.5, rel=0.15)
    assert row["dominant_source"] == "seeds"
    # all seeds name the same genders: no spread there, and the images have the larger one
    gender = table[table["metric"] == "gender_accuracy"].iloc[0]
    assert gender["seed_sd"] < 1e-12 and gender["sampling_sd"] > 0.01 and gender["dominant_source"] == "images"
    assert set(table["metric"]) == set(evaluate(runs["a"].validation)["metric"])


def test_spreads_of_several_settings_are_pooled_by_their_mean_variance():
    runs = {"a": training(1, -1.0), "b": training(2, 1.0)}
    runs |= {"c": training(1, 0.0, epochs=9), "d": training(2, 4.0, epochs=9)}
    pooled = age_error(seed_variance(runs)).loc["all settings"]
    assert pooled["seeds"] == 4 and pooled["seed_sd"] == pytest.approx(((2 + 8) / 2) ** 0.5)


def test_only_trainings_that_differ_in_their_seed_alone_are_repetitions():
    runs = {
        "a": training(1, epochs=8),
        "b": training(2, 2.0, epochs=8),
        "longer": training(3, 9.0, epochs=9),
        "again": training(1, epochs=8),
        "other": training(1, epochs=7),
        "same seed": training(1, epochs=7),
    }
    assert set(seed_variance(runs)["settings"]) == {"a, b, again"}
    single = seed_variance({name: runs[name] for name in ("a", "longer")})
    assert single.empty and "seed_sd" in single


def test_seeds_of_other_images_are_refused():
    other = training(2)
    other.predictions.loc[3, "file"] = "stranger.jpg"
    with pytest.raises(InputError, match="different images"):
        seed_variance({"a": training(1), "b": other})
