"""The conflict of the two tasks' gradients: measured right, without touching the training, and kept with it."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers, ops
from made_runs import tiny, watch

from agegender_lib import plots
from agegender_lib.errors import InputError
from agegender_lib.evaluation import gradient_cosines, gradient_depth, mean_cosine, read_run
from agegender_lib.training import train
from agegender_lib.training.batches import check_batches
from agegender_lib.training.checkpoint import TrainingState
from agegender_lib.training.gradients import gradient_conflict

COLUMNS = ["gradient_cosine", "gradient_norm_ratio", "gradient_cosine:block1", "gradient_cosine:block2"]


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
    found = gradient_conflict(network, squares("age"), squares("gender"), batches)()
    assert list(found) == COLUMNS
    hand = [by_hand(network, batch) for batch in batches]
    wanted = {
        "gradient_cosine": [cosine(age, gender) for age, gender in hand],
        "gradient_cosine:block1": [cosine(age[:1], gender[:1]) for age, gender in hand],
        "gradient_cosine:block2": [cosine(age[1:], gender[1:]) for age, gender in hand],
        "gradient_norm_ratio": [
            np.sqrt(sum((g**2).sum() for g in age) / sum((g**2).sum() for g in gender)) for age, gender in hand
        ],
    }
    for column, values in wanted.items():
        # the batches differ, so the mean is the only number that fits
        assert np.ptp(values) > 0.01, column
        assert found[column] == pytest.approx(np.mean(values), abs=1e-4), column
    # a loss twice as heavy pulls twice as hard, in the same direction
    heavy = gradient_conflict(network, lambda w, s: 2 * squares("age")(w, s), squares("gender"), batches)()
    assert heavy["gradient_norm_ratio"] == pytest.approx(2 * found["gradient_norm_ratio"], rel=1e-4)
    assert heavy["gradient_cosine"] == pytest.approx(found["gradient_cosine"], abs=1e-5)


@pytest.fixture(scope="module")
def with_and_without(few, tmp_path_factory):
    """Every variable of the graph and of its optimizer after each epoch of two trainings, and their runs."""
    runs, kept = tmp_path_factory.mktemp("runs"), {0: [], 2: []}

    def note(state, graph, optimizer):
        variables = (*graph.variables, *optimizer.variables)
        kept[int(state.path.parent.name)].append([np.array(ops.convert_to_numpy(v)) for v in variables])

    with pytest.MonkeyPatch.context() as patch:
        watch(patch, TrainingState, "write", note)
        for count in kept:
            config = tiny(ema_momentum=0.8, test_time_augmentation=False, mixup=0.3, gradient_batches=count)
            train(config, few, runs=runs, name=str(count))
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
    assert list(more.columns.drop(plain.columns)) == COLUMNS
    added = more[COLUMNS]
    assert np.isfinite(added).all(axis=None) and (added.nunique() == 3).all()
    assert added.drop(columns="gradient_norm_ratio").abs().max(axis=None) <= 1


def test_what_cannot_be_split_into_batches_is_refused_before_a_folder_is_made(few, tmp_path):
    with pytest.raises(InputError, match="40 training faces make 5 batches of 8: give at most 5"):
        train(tiny(gradient_batches=6), few, runs=tmp_path / "runs", name="run")
    with pytest.raises(InputError, match="devices is 2, and tensorflow uses one: set KERAS_BACKEND to jax"):
        train(tiny(devices=2), few, runs=tmp_path / "runs", name="run")
    assert not (tmp_path / "runs").exists()
    check_batches(tiny(gradient_batches=5), 40, 20)
    # a batch larger than all faces is one batch
    check_batches(tiny(gradient_batches=1, batch_size=64), 40, 20)
    check_batches(tiny(devices=4), 40, 120)
    for faces, part in (((40, 110), "10 faces of the last validation"), ((6, 20), "6 faces of training")):
        with pytest.raises(InputError, match=part):
            check_batches(tiny(devices=4), *faces)


def history(values, groups=("stem", "pool"), shift=0.1):
    """A history with this course of the cosine; each group is a little lower than the one before."""
    table = pd.DataFrame({"epoch": range(1, len(values) + 1), "gradient_cosine": values, "loss": 1.0})
    table["gradient_norm_ratio"] = 2.0
    for number, group in enumerate(groups, start=1):
        table[f"gradient_cosine:{group}"] = np.array(values) - shift * number
    return table


def test_cosines_are_tidy_and_averaged_over_the_epochs_all_runs_have():
    runs = {"a": history([0.4, 0.2, 0.0]), "b": history([0.2, 0.0]), "plain": history([1.0])[["epoch", "loss"]]}
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
    rows = [(place, seed, 7 - i + seed / 10, 0.8) for i, place in enumerate(places) for seed in (1, 2)]
    trainings = pd.DataFrame(rows, columns=["variant", "seed", "age_mae", "gender_accuracy"])
    means = trainings.groupby("variant", sort=False)[["age_mae", "gender_accuracy"]].mean().reset_index()
    for measure in ("age_mae", "gender_accuracy"):
        means[f"{measure}_low"], means[f"{measure}_high"] = means[measure] - 0.3, means[measure] + 0.3
    ax = plots.split_depth(trainings, means).axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == places
    dots = {(x[0], round(y[0])) for x, y in (line.get_data() for line in ax.lines) if len(x) == 1}
    assert dots == {(row.age_mae, places.index(row.variant)) for row in trainings.itertuples()}
    mean = next(line for line in ax.lines if "mean" in str(line.get_label()))
    assert list(mean.get_xdata()) == list(means["age_mae"])
    ends = [segment[:, 0].tolist() for segment in ax.collections[0].get_segments()]
    assert ends == means[["age_mae_low", "age_mae_high"]].to_numpy().tolist()
