"""The models keep the coursework's contract, are built as described, and are saved without loss."""

import zipfile

import keras
import numpy as np
import pytest
from keras import layers
from model_tools import CONTRACT, answers, check_contract, kinds, line, lived_in, read_elsewhere

from agegender_lib.errors import InputError
from agegender_lib.models import (
    add_test_time_augmentation,
    build_model_a,
    input_and_feature_map_size,
    load_model,
    predict,
)
from agegender_lib.models.heads import AGES
from agegender_lib.models.saving import quantise_weights, rounded, save_model

SMALL = dict(widths=(16, 16), stem=16)


@pytest.fixture(scope="module")
def networks(faces):
    """The coursework's own network and the original's."""
    return {"a": lived_in(build_model_a(), faces), "a_original": lived_in(build_model_a("original"), faces)}


FILES = ["a.keras", "a.h5", "a_original.keras", "a_original.h5"]


@pytest.fixture(scope="module")
def marked(networks, faces, tmp_path_factory):
    """By file name, what a process without this library reads, and what this process says."""
    folder = tmp_path_factory.mktemp("models")
    expected = {}
    for name, network in networks.items():
        # what is delivered averages flips; the other shows the plain network
        network = add_test_time_augmentation(network) if name == "a" else network
        for file in (file for file in FILES if file.startswith(f"{name}.")):
            save_model(network, folder / file)
        expected[name] = answers(network, faces)
    # tracing a graph takes seconds, so only one of the two kinds pays for it
    return read_elsewhere(folder, faces, {file: file.endswith(".keras") for file in FILES}), expected


@pytest.mark.parametrize("file", FILES)
def test_a_saved_model_answers_where_this_library_is_not_installed(file, marked):
    check_contract(marked[0][file], marked[1][file.partition(".")[0]])


def test_flip_averaging_answers_alike_for_a_face_and_its_mirror_image(networks, faces):
    plain, averaged = networks["a"], add_test_time_augmentation(networks["a"])
    mirrored = faces[:, :, ::-1]
    for one, other, both in zip(answers(plain, faces), answers(plain, mirrored), answers(averaged, faces), strict=True):
        assert np.abs(one - other).max() > 1e-3
        assert both == pytest.approx((one + other) / 2, abs=1e-4)
    for one, other in zip(answers(averaged, faces), answers(averaged, mirrored), strict=True):
        assert one == pytest.approx(other, abs=1e-5)
    assert averaged.output_names == CONTRACT and averaged.input_shape == (None, 128, 128, 3)
    assert averaged.count_params() == plain.count_params() + 128 * 128


@pytest.mark.parametrize("name", ["a", "a_original"])
def test_the_feature_map_before_the_dense_layers_is_smaller_than_10(name, networks):
    collecting = [
        layer
        for layer in networks[name].layers
        if isinstance(layer, layers.Flatten)
        # the squeeze of a residual block keeps its dimensions and leads back into the convolutions
        or (isinstance(layer, layers.GlobalAveragePooling2D) and not layer.keepdims)
    ]
    assert len(collecting) == (2 if name == "a_original" else 1)
    for layer in collecting:
        _, height, width, channels = layer.input.shape
        assert height == width < 10 and channels > 10
        assert input_and_feature_map_size(networks[name]) == {
            "image_size": 96 if name == "a" else 128,
            "feature_map_size": height,
        }


BLOCK = ["Conv2D", "ReLU", "BatchNormalization", "MaxPooling2D", "Dropout"]
HEAD = ["Dense", "Dropout", "Dense"]
TINY = dict(variant="original", filters=(2, 3, 4, 5), dense=6)


def test_the_original_network_is_the_original_report_s(networks):
    branches = {output: line(networks["a_original"], output) for output in CONTRACT}
    for found in branches.values():
        assert kinds(found) == ["InputLayer", *BLOCK * 4, "Flatten", *HEAD]
        convolutions = found[1:21:5]
        assert [layer.filters for layer in convolutions] == [16, 32, 64, 128]
        assert all(layer.kernel_size == (3, 3) for layer in convolutions)
        assert [layer.output.shape[1] for layer in found[4:21:5]] == [64, 32, 16, 8]
        assert found[22].activation is keras.activations.relu
        assert found[-1].units == 1
    gender, age = (branches[output] for output in CONTRACT)
    # two branches from the input on: they share nothing else
    assert set(map(id, gender)) & set(map(id, age)) == {id(gender[0])}
    assert gender[-1].activation is keras.activations.sigmoid
    assert age[-1].activation is keras.activations.linear


def test_normalisation_pooling_features_dropout_and_units_are_as_asked():
    before = ["Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D", "Dropout"]
    averaged = ["Conv2D", "ReLU", "BatchNormalization", "AveragePooling2D", "Dropout"]
    for choices, block, collect in (
        ({"normalisation": "before"}, before, ("Flatten", 8 * 8 * 5)),
        ({"pooling": "average"}, averaged, ("Flatten", 8 * 8 * 5)),
        ({"features": "global", "dropout": 0.1}, BLOCK, ("GlobalAveragePooling2D", 5)),
    ):
        model = build_model_a(**TINY, **choices)
        for output in CONTRACT:
            found = line(model, output)
            assert kinds(found)[1:21] == block * 4
            assert (kinds(found)[21], found[21].output.shape) == (collect[0], (None, collect[1]))
            assert found[22].units == 6
    assert [layer.rate for layer in found if isinstance(layer, layers.Dropout)] == [0.1] * 4 + [0.2]


@pytest.mark.parametrize("shared", range(6))
def test_the_branches_split_after_the_asked_number_of_blocks(shared):
    model = build_model_a(**TINY, split_after=shared)
    gender, age = (line(model, output) for output in CONTRACT)
    assert kinds(gender) == kinds(age) == ["InputLayer", *BLOCK * 4, "Flatten", *HEAD]
    same = [one is other for one, other in zip(gender, age, strict=True)]
    # one more than there are blocks shares everything but the outputs
    count = 1 + 5 * shared if shared < 5 else len(same) - 1
    assert same == [True] * count + [False] * (len(same) - count)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"variant": "orginal"}, "'orginal' is unknown.*'default', 'original'"),
        ({**SMALL, "block": "dense"}, "block 'dense' is unknown; choose 'residual' or 'plain'"),
        ({**TINY, "pooling": "mean"}, "pooling 'mean' is unknown.*'max' or 'average'"),
        ({**TINY, "split_after": 6}, "split_after is 6; choose 0 to 5"),
        ({**TINY, "age_head": "softmax"}, "age head 'softmax' is unknown.*'ordinal' or 'regression'"),
    ],
)
def test_wrong_choices_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        build_model_a(**wrong)


def test_the_age_is_the_expectation_of_the_distribution(networks, faces):
    model = networks["a"]
    distribution = keras.Model(model.input, model.get_layer("age_distribution").output)(faces)
    distribution = np.asarray(distribution)
    assert distribution.shape == (len(faces), 117)
    assert distribution.min() > 0 and distribution.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert answers(model, faces)[1][:, 0] == pytest.approx(distribution @ np.arange(117), abs=1e-3)


def test_a_regression_head_is_one_linear_unit_that_starts_at_the_mean_age():
    model = build_model_a(**SMALL, age_head="regression")
    head = model.get_layer("age_output")
    assert head.units == 1 and head.activation is keras.activations.linear
    assert len(head.trainable_variables) == 2 and np.asarray(head.bias) == [33]
    assert "age_distribution" not in [layer.name for layer in model.layers]
    assert model.output_names == CONTRACT


@pytest.mark.parametrize("bits", [9, 24])
def test_rounding_changes_a_weight_by_at_most_its_last_kept_bit(bits):
    rng = np.random.default_rng(0)
    values = (rng.normal(size=5000) * 10.0 ** rng.integers(-30, 30, 5000)).astype("float32")
    values[:3] = 0, 1, -1
    near = rounded(values, bits)
    assert near.dtype == np.float32 and np.isfinite(near).all()
    error = np.abs(near.astype("float64") - values) / np.maximum(np.abs(values), 1e-38)
    assert error.max() <= 2.0**-bits
    # 24 bits are all there are, and fewer are fewer: the rest of each number is zeros
    assert (error.max() > 2.0**-bits / 2) == (bits < 24) and list(near[:3]) == [0, 1, -1]
    assert not (near.view("uint32") & (2 ** (24 - bits) - 1)).any()
    assert np.array_equal(rounded(near, bits), near)


def test_saved_files_are_smaller_and_say_the_same(faces, tmp_path):
    model = lived_in(build_model_a(widths=(32, 64, 128)), faces)
    model.save(tmp_path / "plain.keras")
    exact = answers(model, faces)
    quantise_weights(model, 9)
    save_model(model, tmp_path / "rounded.keras")
    save_model(model, tmp_path / "rounded.h5")
    size = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert size["rounded.h5"] < 1.1 * size["rounded.keras"] < 0.6 * size["plain.keras"]
    # old Keras 3 jumps about in the weights, which takes minutes where the archive deflates them
    with zipfile.ZipFile(tmp_path / "rounded.keras") as file:
        assert file.getinfo("model.weights.h5").compress_type == zipfile.ZIP_STORED
    for file in ("rounded.keras", "rounded.h5"):
        for read, said in zip(answers(load_model(tmp_path / file), faces), answers(model, faces), strict=True):
            assert read == pytest.approx(said, abs=1e-4)
    # 9 bits are enough that nobody ages by a year
    assert 0 < np.abs(answers(model, faces)[1] - exact[1]).max() < 1
    assert AGES[-1] == 116 and np.array_equal(np.asarray(model.get_layer("age_output").kernel)[:, 0], AGES)


def test_batches_answer_as_single_faces_do(faces, drawn):
    small, images = lived_in(build_model_a(**SMALL), faces), drawn.images[:7]
    table = predict(small, images, batch_size=3)
    assert list(table.columns) == ["age_predicted", "p_female"] and len(table) == 7
    assert np.ptp(table["age_predicted"]) > 1e-2 and np.ptp(table["p_female"]) > 1e-3
    single = [predict(small, images[i : i + 1], batch_size=1).iloc[0] for i in range(7)]
    for column, tolerance in (("age_predicted", 1e-4), ("p_female", 1e-6)):
        assert table[column].to_numpy() == pytest.approx([row[column] for row in single], abs=tolerance)
    # pixels are brought to [0, 1], once, and the columns are not swapped
    gender, age = answers(small, images.astype("float32") / 255)
    assert table["age_predicted"].to_numpy() == pytest.approx(age[:, 0], abs=1e-4)
    assert table["p_female"].to_numpy() == pytest.approx(gender[:, 0], abs=1e-6)


def model_with(side=128, names=("gender_output", "age_output"), units=(1, 1)):
    image = keras.Input((side, side, 3))
    x = layers.GlobalAveragePooling2D()(image)
    return keras.Model(image, [layers.Dense(n, name=name)(x) for name, n in zip(names, units, strict=True)])


@pytest.mark.parametrize("wrong", [{"side": 64}, {"names": ("age_output", "gender_output")}, {"units": (2, 1)}])
def test_a_model_with_other_inputs_or_outputs_is_refused(wrong, tmp_path):
    path = tmp_path / "model.keras"
    model_with(**wrong).save(path)
    message = rf"{path} has .* needed are input \(None, 128, 128, 3\) and outputs \['gender_output', 'age_output'\]"
    with pytest.raises(InputError, match=message) as caught:
        load_model(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    model_with().save(path)
    assert load_model(str(path)).output_names == CONTRACT
