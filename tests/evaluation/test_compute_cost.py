"""What trainings cost and how steadily they got there; comparisons of more than two models."""

import numpy as np
import pandas as pd
import pytest

from agegender_lib.evaluation import fluctuation, training_costs
from agegender_lib.runs import Run


def history(values):
    """A history of one stage whose validation age error is ``values``."""
    epochs = np.arange(1, len(values) + 1)
    return pd.DataFrame({"epoch": epochs, "stage": 1, "val_age_mae": values, "val_gender_accuracy": 0.9})


def test_the_fluctuation_is_the_spread_of_errors_around_a_trend():
    noise = np.random.default_rng(0).normal(0, 0.3, 4000)
    for trend in (np.zeros(4000), np.linspace(20, 5, 4000), 5 + 10 * np.exp(-np.arange(4000) / 500)):
        assert fluctuation(history(trend + noise), "val_age_mae") == pytest.approx(0.3, rel=0.05)
    assert fluctuation(history([7.0] * 6), "val_age_mae") == 0
    assert fluctuation(history([5.0, 6.0] * 5), "val_age_mae") == pytest.approx(np.sqrt(0.5))


def test_costs_are_those_of_the_runs():
    metrics = {
        "parameters": 1234,
        "file_bytes": 2_500_000,
        "seconds_per_epoch": 30.0,
        "seconds": 90.0,
        "train": {"images": 600, "age_mae": 3.0, "gender_accuracy": 0.99},
        "validation": {"age_mae": 5.0, "gender_accuracy": 0.9},
    }
    runs = {
        name: Run(name, {}, {}, history(values), pd.DataFrame(), metrics | {"parameters": parameters})
        for name, values, parameters in (("ModelA", [5.0, 6.0, 5.0], 10), ("ModelB", [5.0] * 4, 20))
    }
    runs["ModelA"].metrics["images_per_second"] = 70.0
    table = training_costs(runs).set_index("model")
    assert table["parameters"].to_dict() == {"ModelA": 10, "ModelB": 20}
    first = table.loc["ModelA"]
    assert (first["megabytes"], first["minutes"], first["epochs"]) == (2.5, 1.5, 3)
    assert first["train_images_per_second"] == 20 and first["predict_images_per_second"] == 70
    # ModelB's training is an older one, which did not note it
    assert np.isnan(table.loc["ModelB", "predict_images_per_second"])
    assert (first["train_age_mae"], first["age_mae"]) == (3.0, 5.0)
    assert (first["train_gender_accuracy"], first["gender_accuracy"]) == (0.99, 0.9)
    assert first["age_fluctuation"] == pytest.approx(np.sqrt(0.5)) and first["gender_fluctuation"] == 0
    assert table.loc["ModelB", "age_fluctuation"] == 0
