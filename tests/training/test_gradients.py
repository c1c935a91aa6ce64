"""The conflict of the two tasks' gradients: measured right, without touching the training, and kept with it."""

import agegender_lib.quiet  # noqa: F401  before Keras

# isort: split
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers, ops

from agegender_lib import plots
from agegender_lib.data import split_faces
from agegender_lib.errors import InputError
from agegender_lib.evaluation import gradient_cosines, gradient_depth, mean_cosine, read_run
from agegender_lib.models import build_model_a
from agegender_lib.training import build_network, configure, train
from agegender_lib.training.batches import Batches
from agegender_lib.training.checkpoint import State
from agegender_lib.training.gradients import (
    GradientConflict,
    check_gradients,
    conflict_columns,
    measure_of,
    shared_groups,
    task_losses,
)
from agegender_lib.training.losses import targets
from agegender_lib.training.network import compile_for, precision, training_graph

TINY = dict(variant="original", filters=(4, 4), split_after=2, features="global", dense=8)


def tiny(**settings):
    plain = dict(members=1, optimizer="adamw", precision="float32", validation=20, batch_size=8)
    stages = [dict(epochs=3, learning_rate=0.02)]
    return configure("model_a", **{**plain, "builder": TINY, "stages": stages, **settings})


# What the cosine is, on a network whose gradients anybody can compute.


def straight(seed=0):
    """Mean colour [3] -> first [4] -> second [4], all linear and shared, and a linear unit for each task."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((2, 2, 3))
    x = layers.GlobalAveragePooling2D(name="shared_input_mean")(image)
    x = layers.Dense(4, use_bias=False, name="shared_block1_dense")(x)
    x = layers.Dense(4, use_bias=False, name="shared_block2_dense")(x)
    units = {task: layers.Dense(1, use_bias=False, name=f"{task}_output") for task in ("age", "gender")}
    return keras.Model(image, {f"{task}_output": unit(x) for task, unit in units.items()})


def pixels(batches, n=5, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (batches, n, 2, 2, 3)).astype("uint8")
    wanted = rng.normal(size=(2, batches, n, 1)).astype("float32")
    return [(images[i], {"age": wanted[0, i], "gender": wanted[1, i]}) for i in range(batches)]


def squares(task, sign=1.0):
    return lambda wanted, said: sign * ops.mean((said[f"{task}_output"] - wanted[task]) ** 2)


def by_hand(network, batch):
    """Gradients of both tasks' mean squared errors with respect to both shared kernels."""
    images, wanted = batch
    x = images.astype("float64").mean(axis=(1, 2)) / 255
    first, second, age, gender = (
        np.asarray(network.get_layer(name).kernel, "float64")
        for name in ("shared_block1_dense", "shared_block2_dense", "age_output", "gender_output")
    )
    found = []
    for head, task in ((age, "age"), (gender, "gender")):
        error = 2 * (x @ first @ second @ head - wanted[task]) / len(x)
        found.append([x.T @ error @ head.T @ second.T, (x @ first).T @ error @ head.T])
    return found


def cosine(one, other):
    one, other = np.concatenate([a.ravel() for a in one]), np.concatenate([a.ravel() for a in other])
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


def test_the_cosine_is_that_of_gradients_by_hand():
    network, batches = straight(), pixels(3)
    found = GradientConflict(network, squares("age"), squares("gender"), batches)()
    assert list(found) == [
        *("gradient_cosine", "gradient_norm_ratio", "gradient_cosine:block1", "gradient_cosine:block2")
    ]
    hand = [by_hand(network, batch) for batch in batches]
    wanted = {
        "gradient_cosine": [cosine(age, gender) for age, gender in hand],
        "gradient_cosine:block1": [cosine(age[:1], gender[:1]) for age, gender in hand],
        "gradient_cosine:block2": [cosine(age[1:], gender[1:]) for age, gender in hand],
        "gradient_norm_ratio": [
            np.sqrt(sum((g**2).sum() for g in age) / sum((g**2).sum() for g in gender))
            for age, gender in hand
        ],
    }
    for column, values in wanted.items():
        # the batches differ, so the mean is the only number that fits
        assert np.ptp(values) > 0.01, column
        assert found[column] == pytest.approx(np.mean(values), abs=1e-4), column
    # a loss twice as heavy pulls twice as hard, in the same direction
    heavy = GradientConflict(network, lambda w, s: 2 * squares("age")(w, s), squares("gender"), batches)()
    assert heavy["gradient_norm_ratio"] == pytest.approx(2 * found["gradient_norm_ratio"], rel=1e-4)
    assert heavy["gradient_cosine"] == pytest.approx(found["gradient_cosine"], abs=1e-5)


def test_opposite_blocks_do_not_cancel_within_their_groups():
    # age . age, gender . gender, age . gender of two groups, in two batches
    products = [[[4, 1, 2], [9, 16, -12]], [[1, 1, 0], [1, 4, 1]]]
    found = conflict_columns(np.array(products), ["stem", "pool"])
    assert found["gradient_cosine:stem"] == pytest.approx((1 + 0) / 2)
    assert found["gradient_cosine:pool"] == pytest.approx((-1 + 0.5) / 2)
    whole = (-10 / np.sqrt(13 * 17) + 1 / np.sqrt(2 * 5)) / 2
    assert found["gradient_cosine"] == pytest.approx(whole)
    ratio = (np.sqrt(13 / 17) + np.sqrt(2 / 5)) / 2
    assert found["gradient_norm_ratio"] == pytest.approx(ratio)


def test_without_a_gradient_there_is_no_angle():
    found = conflict_columns(np.array([[[4.0, 0, 0]], [[4.0, 1, 2]]]), ["stem"])
    assert all(np.isnan(value) for value in found.values())
    found = conflict_columns(np.array([[[0, 4.0, 0]]]), ["stem"])
    assert np.isnan(found["gradient_cosine"]) and found["gradient_norm_ratio"] == 0


# Which layers, and how they are run.


def test_groups_go_from_the_input_to_the_heads():
    def names(**choices):
        return list(shared_groups(build_model_a(**choices)))

    small = dict(widths=(8, 8), stem=8)
    assert names(**small) == ["stem", "stage1_block1", "stage2_block1", "pool"]
    assert names(**small, blocks=2) == [
        *("stem", "stage1_block1", "stage1_block2", "stage2_block1", "stage2_block2", "pool")
    ]
    assert names(**TINY) == ["block1", "block2"]
    assert names(**{**TINY, "split_after": 0}) == []
    model = build_model_a(**small)
    members = [variable for group in shared_groups(model).values() for variable in group]
    shared = [v for v in model.trainable_variables if v.path.startswith("shared_")]
    assert len(members) == len(shared) > 10 and set(map(id, members)) == set(map(id, shared))


def measured(config, few, seed=0, mangle=lambda graph: None):
    """The columns for a new network on the first 40 faces, and its graph."""
    keras.utils.set_random_seed(seed)
    with precision(config.precision):
        network = build_network(config)
        graph = training_graph(network, config)
    mangle(graph)
    wanted = targets(few.table[:40], config, graph.output)
    measure = measure_of(graph, config, Batches(few.images, range(40), wanted, 8, 1))
    return measure(), graph


def test_the_batch_s_own_statistics_count_and_noise_does_not(few):
    def other_statistics(graph):
        for variable in graph.non_trainable_variables:
            if "moving" in variable.path:
                variable.assign(variable + np.arange(1, 1 + variable.shape[0]))

    config = tiny(gradient_batches=2, builder={**TINY, "dropout": 0.4})
    plain, graph = measured(config, few)
    assert plain == measured(config, few, mangle=other_statistics)[0]
    weights = graph.get_layer("network").get_weights()
    without = measured(
        replace(config, builder={**TINY, "dropout": 0.0}),
        few,
        mangle=lambda other: other.get_layer("network").set_weights(weights),
    )
    assert plain == pytest.approx(without[0], abs=1e-5)
    # nor is it one number for all networks
    assert plain["gradient_cosine"] != pytest.approx(measured(config, few, seed=1)[0]["gradient_cosine"])


def test_the_faces_are_the_same_in_every_epoch_whole_and_not_augmented(few):
    config = tiny(gradient_batches=2)
    graph = training_graph(build_network(config), config)
    wanted = targets(few.table, config, graph.output)
    training = Batches(few.images, range(60), wanted, 8, seed=1)
    first = measure_of(graph, config, training)
    training.start_epoch(7)
    mixed = Batches(few.images, range(60), wanted, 8, seed=1, mixup=0.4)
    mixed.start_epoch(3)
    again = measure_of(graph, replace(config, mixup=0.4), mixed)
    assert len(first.batches) == 2
    for (images, labels), (others, other_labels) in zip(first.batches, again.batches, strict=True):
        assert np.array_equal(images, others) and np.array_equal(
            labels["age_output"], other_labels["age_output"]
        )
        assert all((few.images == image).all(axis=(1, 2, 3)).any() for image in images)
    assert not np.array_equal(first.batches[0][0], first.batches[1][0])
    # another number of faces at the same weights, and the same one twice
    assert first() == first() != measure_of(graph, replace(config, gradient_batches=1), training)()


@pytest.mark.parametrize("head", ["regression", "distribution", "ordinal"])
def test_the_tasks_losses_add_up_to_the_training_s(head, few):
    config = tiny(
        builder={**TINY, "age_head": head}, age_weight=0.3, gender_weight=1.5, distribution_weight=0.7
    )
    graph = training_graph(build_network(config), config)
    compile_for(graph, config, config.stages[0], 1)
    wanted = targets(few.table[:8], config, graph.output)
    logs = graph.evaluate(Batches(few.images, range(8), wanted, 8), return_dict=True, verbose=0)
    said = graph(few.images[:8], training=False)
    age, gender = (float(loss(wanted, said)) for loss in task_losses(config, list(graph.output)))
    assert gender == pytest.approx(1.5 * logs["gender_output_loss"], rel=1e-4)
    assert age + gender == pytest.approx(logs["loss"], rel=1e-4)
    alone = 0.3 * logs["age_output_loss"]
    assert (age == pytest.approx(alone, rel=1e-4)) == (head == "regression") and age > 0.99 * alone


# In a training.


def arrays_of(run, monkeypatch, **settings):
    """Every variable of the graph and of its optimizer after each epoch of a training."""
    kept, write = [], State.write

    def watch(self, graph, optimizer):
        write(self, graph, optimizer)
        kept.append(
            [np.array(ops.convert_to_numpy(v)) for v in (*graph.variables, *graph.optimizer.variables)]
        )

    with monkeypatch.context() as patch:
        patch.setattr(State, "write", watch)
        run(**settings)
    return kept


EVERYTHING = dict(ema_momentum=0.8, flip_averaging=False, mixup=0.3)


@pytest.fixture(scope="module")
def with_and_without(few, tmp_path_factory):
    runs, patch = tmp_path_factory.mktemp("runs"), pytest.MonkeyPatch()
    kept = {}
    for count in (0, 2):
        config = tiny(**EVERYTHING, gradient_batches=count)
        kept[count] = arrays_of(train, patch, config=config, faces=few, runs=runs, name=str(count))
    return kept, {count: read_run(runs / str(count)) for count in kept}


def test_measuring_changes_nothing_of_the_training(with_and_without):
    kept, runs = with_and_without
    assert len(kept[0]) == len(kept[2]) == 3
    for one, other in zip(kept[0], kept[2], strict=True):
        assert len(one) == len(other) > 30
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    pd.testing.assert_frame_equal(runs[0].predictions, runs[2].predictions, check_exact=True)
    plain, more = (runs[count].history.drop(columns="seconds") for count in (0, 2))
    pd.testing.assert_frame_equal(plain, more[plain.columns], check_exact=True)
    assert list(more.columns.drop(plain.columns)) == [
        *("gradient_cosine", "gradient_norm_ratio", "gradient_cosine:block1", "gradient_cosine:block2")
    ]
    added = more[more.columns.drop(plain.columns)]
    assert np.isfinite(added).all(axis=None) and (added.nunique() == 3).all()
    assert added.drop(columns="gradient_norm_ratio").abs().max(axis=None) <= 1


def test_the_weights_that_train_are_measured_not_their_average(with_and_without, few):
    kept, runs = with_and_without
    config = tiny(**EVERYTHING, gradient_batches=2)
    rows = (split_faces(few.table, 1, 20) == "train").to_numpy().nonzero()[0]
    graph = training_graph(build_network(config), config)
    compile_for(graph, config, config.stages[0], 5)
    variables = [*graph.variables, *graph.optimizer.variables]
    for variable, value in zip(variables, kept[2][1], strict=True):
        variable.assign(value)
    wanted = targets(few.table.iloc[rows], config, graph.output)
    measure = measure_of(graph, config, Batches(few.images, rows, wanted, 8, config.seed))
    row = runs[2].history.iloc[1]
    for column, value in measure().items():
        assert value == pytest.approx(row[column], abs=1e-4), column
    # the average says something else
    graph.optimizer.finalize_variable_values(graph.trainable_variables)
    assert abs(measure()["gradient_cosine"] - row["gradient_cosine"]) > 1e-3


def test_a_network_that_shares_nothing_has_no_columns(few, tmp_path):
    stages = [dict(epochs=1, learning_rate=0.01)]
    config = tiny(gradient_batches=2, builder={**TINY, "split_after": 0}, stages=stages)
    run = read_run(train(config, few, runs=tmp_path, name="run"))
    assert len(run.history) == 1 and not [name for name in run.history if "gradient" in name]
    cosines = gradient_cosines({"run": run.history})
    depth = gradient_depth(cosines)
    assert cosines.empty and depth.empty and np.isnan(mean_cosine(cosines))
    assert "No training has measured" in plots.gradient_conflict(cosines, depth).texts[0].get_text()


def test_what_cannot_be_measured_is_refused_before_a_folder_is_made(few, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="40 training faces make 5 batches of 8: give at most 5"):
        train(tiny(gradient_batches=6), few, runs=tmp_path / "runs", name="run")
    check_gradients(tiny(gradient_batches=5), 40)
    # a batch larger than all faces is one batch
    check_gradients(tiny(gradient_batches=1, batch_size=64), 40)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(
        InputError, match="with TensorFlow only and this is jax: set it to 0, or KERAS_BACKEND"
    ):
        train(tiny(gradient_batches=1), few, runs=tmp_path / "runs", name="run")
    check_gradients(tiny(), 40)
    assert not (tmp_path / "runs").exists()


# Tables and figures of it.


def history(values, groups=("stem", "pool"), shift=0.1):
    """A history with this course of the cosine; each group is a little lower than the one before."""
    table = pd.DataFrame({"epoch": range(1, len(values) + 1), "gradient_cosine": values, "loss": 1.0})
    table["gradient_norm_ratio"] = 2.0
    for number, group in enumerate(groups, start=1):
        table[f"gradient_cosine:{group}"] = np.array(values) - shift * number
    return table


def test_cosines_are_tidy_and_averaged_over_the_epochs_all_runs_have():
    runs = {
        "a": history([0.4, 0.2, 0.0]),
        "b": history([0.2, 0.0]),
        "plain": history([1.0])[["epoch", "loss"]],
    }
    table = gradient_cosines(runs)
    assert list(table.columns) == ["run", "epoch", "group", "cosine"]
    assert list(dict.fromkeys(table["run"])) == ["a", "b", "mean"]
    assert list(dict.fromkeys(table["group"])) == ["all", "stem", "pool"]
    assert mean_cosine(table) == pytest.approx(0.16)
    mean = table[table["run"] == "mean"].set_index("group")
    for group, values in (("all", [0.3, 0.1]), ("pool", [0.1, -0.1])):
        assert list(mean.loc[group, "epoch"]) == [1, 2]
        assert list(mean.loc[group, "cosine"]) == pytest.approx(values)
    assert set(gradient_cosines({"a": runs["a"]})["run"]) == {"a"}


def test_depth_takes_a_tenth_of_the_epochs_for_each_phase():
    falling = list(np.linspace(1, 0, 21))
    runs = {"a": history(falling), "b": history([value - 0.2 for value in falling])}
    # a first stage that trains the heads only has measured nothing
    runs["a"] = pd.concat([pd.DataFrame({"epoch": [-1, 0]}), runs["a"]], ignore_index=True)
    table = gradient_depth(gradient_cosines(runs)).set_index(["phase", "group"])
    assert list(dict.fromkeys(table.index.get_level_values("group"))) == ["stem", "pool"]
    for group, shift in (("stem", 0.1), ("pool", 0.2)):
        for phase, value in (("start", 0.975), ("middle", 0.525), ("end", 0.025)):
            found = table.loc[phase, group]
            assert found["high"] == pytest.approx(value - shift)
            assert found["low"] == pytest.approx(value - shift - 0.2)
            assert found["cosine"] == pytest.approx(value - shift - 0.1)


def test_a_figure_shows_the_cosines_of_every_run_and_group():
    table = gradient_cosines({"a": history([0.4, 0.2, -0.1]), "b": history([0.2, 0.0, 0.1])})
    depth = gradient_depth(table)
    over_time, by_depth = plots.gradient_conflict(table, depth).axes
    for name in ("a", "b", "mean"):
        line = next(line for line in over_time.lines if line.get_label() == name)
        rows = table[(table["run"] == name) & (table["group"] == "all")]
        assert list(line.get_xdata()) == [1, 2, 3]
        np.testing.assert_array_equal(line.get_ydata(), rows["cosine"])
        assert (line.get_linewidth() > 1) == (name == "mean")
    assert [text.get_text() for text in by_depth.get_xticklabels()] == ["stem", "pool"]
    for phase, label in (("start", "start"), ("middle", "middle"), ("end", "end of training")):
        line = next(line for line in by_depth.lines if line.get_label() == label)
        np.testing.assert_array_equal(line.get_ydata(), depth[depth["phase"] == phase]["cosine"])
    low, high = over_time.get_ylim()
    assert low < -0.3 and high > 0.4
    for ax in (over_time, by_depth):
        assert any(list(line.get_ydata()) == [0, 0] for line in ax.lines)


def test_the_split_is_drawn_per_training_and_with_its_mean():
    places = ["at the input", "after block 1", "at the heads"]
    rows = [
        (place, seed, 7 - i + seed / 10, 0.8 + i / 50) for i, place in enumerate(places) for seed in (1, 2)
    ]
    trainings = pd.DataFrame(rows, columns=["choice", "seed", "age_mae", "gender_accuracy"])
    trainings.loc[5, ["age_mae", "gender_accuracy"]] = np.nan  # not trained yet
    means = trainings.groupby("choice", sort=False)[["age_mae", "gender_accuracy"]].mean().reset_index()
    for measure, width in (("age_mae", 0.3), ("gender_accuracy", 0.01)):
        means[f"{measure}_low"], means[f"{measure}_high"] = means[measure] - width, means[measure] + width
    axes = plots.split_depth(trainings, means).axes
    assert [text.get_text() for text in axes[0].get_yticklabels()] == places
    for ax, measure in zip(axes, ("age_mae", "gender_accuracy"), strict=True):
        dots = {
            (line.get_xdata()[0], round(line.get_ydata()[0]))
            for line in ax.lines
            if len(line.get_xdata()) == 1
        }
        wanted = trainings.dropna(subset=[measure])
        assert dots == {(row[measure], places.index(row["choice"])) for _, row in wanted.iterrows()}
        mean = next(line for line in ax.lines if "mean" in str(line.get_label()))
        assert list(mean.get_xdata()) == list(means[measure]) and list(np.round(mean.get_ydata())) == [
            0,
            1,
            2,
        ]
        ends = [segment[:, 0].tolist() for segment in ax.collections[0].get_segments()]
        assert ends == means[[f"{measure}_low", f"{measure}_high"]].to_numpy().tolist()
        assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the input on top
    assert len(plots.split_depth(trainings).axes) == 2
