"""Model, weights and settings files: a hundred mutated ones, and every fault that fuzzing found."""

import copy
import json
import zipfile
from random import Random

import h5py
import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from keras import layers
from PIL import Image

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.models import file_checks, load_model
from agegender_lib.models.weights import load_weights
from agegender_lib.pipeline.profiles import model_settings, read_profile
from tests.fuzz import model_files, pictures, settings, targets
from tests.fuzz.guard import Sandbox

few = {"derandomize": True, "deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@pytest.fixture(scope="module", autouse=True)
def warm():
    targets._warm_models()
    targets._detector()


@pytest.fixture
def sandbox(tmp_path):
    return Sandbox(tmp_path / "sandbox")


def fault_of(sandbox, target, case):
    return targets.run_case(targets.TARGETS[target], case, sandbox).fault


@examples(max_examples=30, **few)
@given(targets.SEEDS)
def test_weights(sandbox, seed):
    assert not fault_of(sandbox, "weights", seed)


@examples(max_examples=8, **few)
@given(targets.SEEDS)
def test_predictions(sandbox, seed):
    assert not fault_of(sandbox, "predictions", seed)


@examples(max_examples=10, **few)
@given(targets.SEEDS)
def test_search_spaces(sandbox, seed):
    assert not fault_of(sandbox, "spaces", seed)


@examples(max_examples=8, **few)
@given(targets.SEEDS)
def test_photos(sandbox, seed):
    assert not fault_of(sandbox, "photos", seed)


def test_a_long_narrow_picture_is_not_drawn_miles_long(sandbox):
    folder = sandbox.emptied()
    (folder / "faces").mkdir()
    for number, size in enumerate(((25, 3000), (3000, 25))):
        Image.new("RGB", size).save(folder / "faces" / f"{number}.png")
    arguments = targets.annotate(folder)
    with sandbox.watching(20, 300) as watch:
        assert targets._annotating(arguments, folder) == ""
    assert watch.faults == []
    sizes = [Image.open(folder / "annotated" / f"{number}.png").size for number in (0, 1)]
    assert np.abs(np.subtract(sizes, [(17, 2048), (2048, 17)])).max() <= 1


@examples(max_examples=40, **few)
@given(targets.SEEDS)
def test_profiles(sandbox, seed):
    assert not fault_of(sandbox, "profiles", seed)


@examples(max_examples=40, **few)
@given(targets.SEEDS)
def test_studies(sandbox, seed):
    assert not fault_of(sandbox, "studies", seed)


# Code in model files. First that the payloads are live: what is refused would else prove nothing


def evil(kind, name=None):
    """The description of the tiny model with one thing in it that runs code, or names some."""
    config = copy.deepcopy(model_files._config())
    layer = next(item for item in config["config"]["layers"] if item["config"]["name"] == "relu")
    if kind == "lambda":
        layer.update(model_files._layer("Lambda", {"function": model_files._code(), "arguments": {}}))
    else:
        layer.update(class_name=name, module=kind, registered_name=name)
    return config


def test_the_code_in_a_lambda_is_live(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model_files._write(tmp_path / "m.keras", config=json.dumps(evil("lambda")).encode())
    with pytest.raises(InputError, match="lambda"):
        load_model(tmp_path / "m.keras")
    assert not (tmp_path / "executed").exists()
    keras.saving.load_model(tmp_path / "m.keras", compile=False, safe_mode=False)(np.zeros((1, 128, 128, 3)))
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(("module", "name"), [("lambda", None), *model_files._GADGETS])
def test_no_code_of_a_model_file_is_run(sandbox, module, name, legacy):
    folder = sandbox.emptied()
    config = evil(module, name)
    path = folder / ("m.h5" if legacy else "m.keras")
    if legacy:
        path.write_bytes(model_files.originals()[".h5"])
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = json.dumps(config)
    else:
        model_files._write(path, config=json.dumps(config).encode())
    with sandbox.watching(20, 500) as watch:
        with pytest.raises(InputError):
            load_model(path)
    assert watch.faults == []


# Bombs


def test_a_huge_layer_is_refused_before_it_takes_memory(sandbox):
    folder = sandbox.emptied()
    for name, key, size in (("conv", "kernel_size", [20_000, 20_000]), ("conv", "kernel_size", [40, 40])):
        config = copy.deepcopy(model_files._config())
        layer = next(item for item in config["config"]["layers"] if item["config"]["name"] == name)
        layer["config"].update({key: size, "padding": "same"})
        model_files._write(folder / "m.keras", config=json.dumps(config).encode())
        with sandbox.watching(20, 200) as watch:
            with pytest.raises(InputError, match=r"describes a network of [\d,]+ weights and holds 1\d\d"):
                load_model(folder / "m.keras")
        assert watch.faults == []


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_layer_of_huge_answers_is_refused(tmp_path, suffix):
    image = keras.Input((128, 128, 3))
    x = layers.GlobalAveragePooling2D()(layers.UpSampling2D(64, name="large")(image))
    outputs = [layers.Dense(1, name=name)(x) for name in ("gender_output", "age_output")]
    keras.Model(image, outputs).save(tmp_path / f"m{suffix}")
    with pytest.raises(InputError, match="'large' gives 201,326,592 values for one face"):
        load_model(tmp_path / f"m{suffix}")


def test_a_claim_of_terabytes_is_refused(tmp_path):
    path = tmp_path / "given.weights.h5"
    path.write_bytes(model_files.originals()[".weights.h5"])
    with h5py.File(path, "r+") as file:
        name = next(name for name in ("layers/conv2d/vars/0",) if name in file)
        del file[name]
        file.create_dataset(name, (10**6, 10**6), "float32", chunks=(1000, 1000))
    with pytest.raises(InputError, match=r"claims to hold 4,000,000 MB of weights in a file of 0.0 MB"):
        load_weights(model_files.tiny_model(), path)


def test_weights_in_another_file_are_refused(tmp_path):
    path = tmp_path / "given.weights.h5"
    path.write_bytes(model_files.originals()[".weights.h5"])
    with h5py.File(path, "r+") as file:
        del file["layers/conv2d/vars/1"]
        file.create_dataset("layers/conv2d/vars/1", (4,), "float32", external=[("/etc/hostname", 0, 16)])
    with pytest.raises(InputError, match="takes layers/conv2d/vars/1 from another file"):
        load_weights(model_files.tiny_model(), path)


@pytest.mark.parametrize("member", ["config", "weights"])
def test_a_model_that_unpacks_to_a_hundred_megabytes_is_refused(tmp_path, member):
    path = tmp_path / "m.keras"
    model_files._write(path, **{member: bytes(100_000_000)}, method=zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match=r"unpacks to 100 MB from 0\.1 MB"):
        load_model(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_model_of_another_compression_is_refused(tmp_path, method):
    model_files._write(tmp_path / "m.keras", method=method)
    with pytest.raises(InputError, match="compressed in a way that Keras does not"):
        load_model(tmp_path / "m.keras")


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    model = model_files.tiny_model()
    model.get_layer("conv").bias.assign([0, np.nan, 0, 0])
    model.save(tmp_path / "m.keras")
    with pytest.raises(InputError, match="weights that are no numbers"):
        load_model(tmp_path / "m.keras")


def test_damage_within_hdf5_is_a_sentence(tmp_path):
    """HDF5 raises RuntimeError where its tree is damaged, not OSError."""
    path = tmp_path / "given.weights.h5"
    kinds = set()
    for seed in range(25):
        path.write_bytes(pictures.mutated(model_files.originals()[".weights.h5"], Random(seed)))
        try:
            load_weights(model_files.tiny_model(), path)
        except InputError as error:
            kinds.add(type(error.__cause__))
    assert RuntimeError in kinds


def test_the_check_leaves_no_trace_in_keras(tmp_path):
    """Weights without values are put on a list of Keras's; values for these would be given them at any later time."""
    model_files.tiny_model().save(tmp_path / "m.keras")
    before = file_checks.global_state.get_global_attribute("uninitialized_variables")
    file_checks.check_model_file(tmp_path / "m.keras")
    assert not before and not file_checks.global_state.get_global_attribute("uninitialized_variables")
    assert keras.Variable(np.ones(3)).numpy().tolist() == [1, 1, 1]


def test_a_reason_is_short():
    error = ValueError("x" * 10_000 + "\nsecond line")
    assert len(file_checks.reason(error)) < 310 and "second" not in file_checks.reason(error)
    assert file_checks.reason(KeyError()) == "KeyError"


# Profiles


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("model_a: [1]", "sets model_a to [1]: give a mapping"),
        ("model_b: {model: model_a}", "sets model in the settings of model_b"),
        ("data: 5", "sets data to 5: give a text"),
        ("data: null", "sets data to None: give a text"),
        ("rendered_faces: many", "give a whole number"),
        ("rendered_faces: true", "give a whole number"),
        ("rendered_faces: 1.5", "give a whole number"),
        ("train_missing: 1", "give true or false"),
        ("validation: [1]", "give a number"),
        ("1: 2", "sets '1', which no notebook knows"),
        ("model_a: {b: 2001-13-01}", "holds a timestamp"),
    ],
)
def test_a_profile_with_a_value_of_another_kind_is_refused(tmp_path, text, reason):
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(InputError) as refusal:
        values = read_profile(tmp_path / "p.yaml")
        for model in ("model_a", "model_b"):
            model_settings(values, model)
    assert reason in str(refusal.value)


def test_values_of_the_right_kind_are_taken(tmp_path):
    text = "model_a:\nvalidation: 500\ndata: ''\ntrain_missing: false\nmodel_b: {builder: {side: 96}}\n"
    (tmp_path / "p.yaml").write_text(text)
    assert read_profile(tmp_path / "p.yaml")["model_a"] is None
    for file in sorted(folders.PROFILES.glob("*.yaml")):
        assert read_profile(file) == read_profile(file.stem)


def test_a_profile_of_an_impossible_name_is_refused():
    for name in ("x" * 300, "x" * 300 + ".yaml", "x\0y", "x\0y.yaml"):
        with pytest.raises(InputError):
            read_profile(name)


@pytest.mark.parametrize("nasty", settings.NASTY)
def test_no_nasty_file_gets_further_than_a_sentence(sandbox, nasty):
    for target in ("profiles", "studies"):
        (sandbox.emptied() / "given.yaml").write_bytes(nasty)
        act = targets.TARGETS[target].act
        with sandbox.watching(5, 200) as watch:
            refusal = act(sandbox.case / "given.yaml", sandbox.case)
        assert watch.faults == [] and (not refusal or not targets._unfit(refusal))
