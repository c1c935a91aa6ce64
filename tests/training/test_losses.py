"""What is trained towards: label distributions, ordinal answers, ranges of ages, and their losses."""

import math
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from made_runs import TINY, cross_entropy, tiny

from agegender_lib.errors import InputError
from agegender_lib.runs import read_run
from agegender_lib.training import build_network, train
from agegender_lib.training.batches import Batches
from agegender_lib.training.identity import run_name
from agegender_lib.training.losses import (
    absolute_error,
    age_distributions,
    corn_loss,
    levels_from_labels,
    squared_error,
    targets,
)
from agegender_lib.training.network import compile_for, training_graph

ORDINAL = {**TINY["architecture"], "age_head": "ordinal"}


def literal_answers(age):
    """Ask "older than 0?", "older than 1?" ... until the answer is no."""
    answers = []
    for k in range(116):
        answers.append(-1 if answers and answers[-1] != 1 else 1 if age > k else 0)
    return answers


def literal_loss(age, logits):
    """The cross-entropy of the questions that this person is asked, one after the other."""
    loss = 0.0
    for k in range(116):
        p = 1 / (1 + math.exp(-logits[k]))
        loss -= math.log(p if age > k else 1 - p)
        if age <= k:
            break
    return loss


def test_questions_are_asked_until_the_first_no():
    ages = np.arange(117)
    answers = levels_from_labels(ages)
    assert answers.shape == (117, 116) and answers.dtype == np.float32
    assert answers.tolist() == [literal_answers(age) for age in ages]
    # a newborn is asked one question, the oldest all of them; whole labels of any kind will do
    assert [(row >= 0).sum() for row in answers[[0, 1, 115, 116]]] == [1, 2, 116, 116]
    assert np.array_equal(levels_from_labels(pd.Series([3, 80], dtype="int16")), answers[[3, 80]])
    assert np.array_equal(levels_from_labels([3.5, 80.9]), answers[[3, 80]])  # whole years are asked about


AGES = np.array([0, 1, 26, 77, 115, 116])


def logits(seed=0):
    return np.random.default_rng(seed).normal(0, 3, (len(AGES), 116)).astype("float32")


def test_the_ordinal_loss_is_that_of_the_questions_asked():
    found = np.asarray(corn_loss(levels_from_labels(AGES), keras.ops.convert_to_tensor(logits())))
    wanted = [literal_loss(age, row) for age, row in zip(AGES, logits().astype("float64"), strict=True)]
    assert found.shape == (6,) and found == pytest.approx(wanted, rel=1e-4)
    # what is not asked costs nothing, whatever would have been answered
    other = np.where(levels_from_labels(AGES) < 0, 50.0, logits()).astype("float32")
    assert not np.array_equal(other, logits())
    assert np.asarray(corn_loss(levels_from_labels(AGES), keras.ops.convert_to_tensor(other))) == pytest.approx(
        found, rel=1e-5
    )


def test_an_ordinal_head_refuses_blended_faces(drawn, tmp_path):
    config = tiny(architecture=ORDINAL, mixup=0.2)
    with pytest.raises(InputError, match=r"mixup is 0\.2, but an ordinal age head has no blended targets: set it to 0"):
        train(config, drawn, runs=tmp_path / "runs", name="run")
    assert not (tmp_path / "runs").exists()


def test_label_distributions_are_normal_around_the_age():
    ages = np.arange(117)
    rows = age_distributions(ages, (2.5, 0.03))
    assert rows.shape == (117, 117) and rows.dtype == np.float32
    assert rows.sum(axis=1) == pytest.approx(1, abs=1e-5) and rows.min() >= 0
    assert list(rows.argmax(axis=1)) == list(ages)
    mean = rows @ ages
    inside = slice(15, 90)  # far enough from both ends of the scale
    assert mean[inside] == pytest.approx(ages[inside], abs=0.02)
    assert np.abs(mean - ages).max() < 5
    spread = np.sqrt((rows * (ages - mean[:, None]) ** 2).sum(axis=1))
    assert spread[inside] == pytest.approx(2.5 + 0.03 * ages[inside], rel=0.01)
    narrow = age_distributions(np.array([50.0]), (1.0, 0.0))
    assert narrow[0, 50] / narrow[0, 51] == pytest.approx(np.exp(0.5), rel=1e-4)


@pytest.fixture(scope="module")
def batch(few):
    """Eight faces, with a baby and the oldest among them."""
    order = few.table["age"].sort_values().index[[0, 8, 16, 24, 32, 40, 50, 59]]
    return few.images[order], few.table.loc[order]


def evaluated(config, batch, **biases):
    """Keras's losses for eight faces, and what the network says of them; ``biases`` of its layers, by their names."""
    images, table = batch
    network = build_network(config)
    # a new network says 0.5, for which every label costs the same
    for name, bias in {"gender_output": [1.5], **biases}.items():
        network.get_layer(name).bias.assign(bias)
    graph = training_graph(network, config)
    compile_for(graph, config, config.stages[0], 1)
    wanted = targets(table, config, graph.output)
    logs = graph.evaluate(Batches(images, range(8), wanted, 100), return_dict=True, verbose=0)
    said = graph.predict_on_batch(images)
    gender, age = network.predict_on_batch(images.astype("float32") / 255)
    # no augmentation where nothing trains
    assert said["age_output"] == pytest.approx(age, abs=1e-3)
    return logs, wanted, gender[:, 0], age[:, 0], said


def test_the_original_loss_is_mse_plus_500_cross_entropies(batch):
    config = tiny(age_loss="mse", age_weight=1, gender_weight=500, label_smoothing=0)
    logs, wanted, p, age, _ = evaluated(config, batch)
    squares = np.mean((age - wanted["age_output"][:, 0]) ** 2)
    entropy = cross_entropy(wanted["gender_output"][:, 0], p)
    assert set(wanted["gender_output"][:, 0]) == {0, 1} and squares > 100
    assert logs["loss"] == pytest.approx(squares + 500 * entropy, rel=1e-4)
    assert logs["age_output_loss"] == pytest.approx(squares, rel=1e-4)
    assert logs["gender_output_loss"] == pytest.approx(entropy, rel=1e-4)
    assert logs["age_output_mae"] == pytest.approx(np.mean(np.abs(age - batch[1]["age"])), rel=1e-4)
    assert logs["gender_output_accuracy"] == pytest.approx(np.mean((p > 0.5) == batch[1]["gender"]))


def test_the_default_loss_adds_the_distribution_s_divergence(batch):
    config = tiny(
        architecture={**TINY["architecture"], "age_head": "distribution"},
        age_weight=0.3,
        gender_weight=1.5,
        distribution_weight=0.7,
        label_smoothing=0.1,
    )
    config = replace(config, age_sigma=(3.0, 0.05))
    logs, wanted, p, age, said = evaluated(config, batch)
    labels = age_distributions(batch[1]["age"].to_numpy(), (3.0, 0.05))
    assert np.array_equal(wanted["age_distribution"], labels)
    divergence = np.mean(np.sum(labels * np.log(np.maximum(labels, 1e-7) / said["age_distribution"]), axis=1))
    error = np.mean(np.abs(age - batch[1]["age"]))
    entropy = cross_entropy(wanted["gender_output"][:, 0], p, 0.1)
    assert logs["loss"] == pytest.approx(0.3 * error + 1.5 * entropy + 0.7 * divergence, rel=1e-3)


def test_an_ordinal_head_trains_towards_its_answers(batch):
    settings = dict(age_weight=0.3, gender_weight=1.5, distribution_weight=0.7, label_smoothing=0)
    # no question's answer is sure, and none is like another's
    unlike = np.linspace(2, -1, 116)
    logs, wanted, p, age, said = evaluated(tiny(architecture=ORDINAL, **settings), batch, age_ordinal=unlike)
    assert set(wanted) == {"gender_output", "age_output", "age_ordinal"}
    pairs = zip(batch[1]["age"], said["age_ordinal"].astype("float64"), strict=True)
    loss = np.mean([literal_loss(age, row) for age, row in pairs])
    error = np.mean(np.abs(age - batch[1]["age"]))
    entropy = cross_entropy(wanted["gender_output"][:, 0], p)
    assert logs["loss"] == pytest.approx(0.3 * error + 1.5 * entropy + 0.7 * loss, rel=1e-3)


RANGES = pd.DataFrame(
    {"age": [24.5, 6, 79.5, 8], "age_low": [20, 3, 70, 8], "age_high": [29, 9, 120, 8], "gender": [0, 1, 0, 1]}
)


def test_a_range_is_trained_towards_as_all_of_its_ages():
    """The mean of its ages' distributions; of "more than 70" of the first twenty; a number's is its own."""
    found = targets(RANGES, tiny(), ["age_distribution"])["age_distribution"]
    for row, ages in zip(found, (range(20, 30), range(3, 10), range(70, 90), [8]), strict=True):
        each = [age_distributions(np.array([age]), (2.5, 0.03))[0] for age in ages]
        assert row == pytest.approx(np.mean(each, axis=0), abs=1e-6)


def test_an_age_inside_its_range_costs_nothing():
    wanted = targets(RANGES, tiny(), [])["age_output"]
    said = np.array([[29.9, 20.0, 31.5, 19.0], [2.0, 9.9, 12.0, 6.0], [69.0, 70.0, 110.0, 0.0], [8.0, 9.0, 6.0, 8.0]])
    years = [[0, 0, 1.5, 1], [1, 0, 2, 0], [1, 0, 0, 70], [0, 1, 2, 0]]
    for column in range(4):
        ages = keras.ops.convert_to_tensor(said[:, column : column + 1].astype("float32"))
        off = np.array([row[column] for row in years])
        assert np.asarray(absolute_error(wanted, ages)) == pytest.approx(off, abs=1e-5)
        assert np.asarray(squared_error(wanted, ages)) == pytest.approx(off**2, abs=1e-4)


def test_faces_with_ranges_train_a_model(few, tmp_path):
    """From labels to metrics: every age is known only by its ten years; the run's name is that of its settings."""
    low = few.table["age"] // 10 * 10
    table = few.table.assign(age=low + 4.5, age_low=low, age_high=low + 9, race="unlabelled")
    config = tiny(architecture={**TINY["architecture"], "age_head": "distribution"}, mixup=0.2)
    run = read_run(train(config, replace(few, table=table), runs=tmp_path))
    held_out = run.validation
    assert list(held_out["race"].unique()) == ["unlabelled"]
    away = [
        max(row.age_low - row.age_predicted, row.age_predicted - row.age_high - 1, 0) for row in held_out.itertuples()
    ]
    assert run.metrics["validation"]["age_mae"] == pytest.approx(np.mean(away), abs=1e-4)
    # of the network that was saved, before it was rounded to five digits; but without the mirrored face
    assert run.history["val_age_mae"].iloc[-1] == pytest.approx(np.mean(away), abs=0.3)
    assert run.name == run_name(config, few)
