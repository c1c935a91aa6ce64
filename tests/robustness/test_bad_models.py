"""Model and weights files, damaged or carrying code: loaded as what they are, or refused in a sentence."""

import base64
import io
import json
import marshal
import zipfile
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers
from outcomes import outcome

from agegender_lib.errors import InputError
from agegender_lib.models import load_model
from agegender_lib.models.weights import load_weights
from tests.robustness import bad_inputs as bad

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
# values a description may have by mistake; huge layers are what Keras and the machine make of them
ODD = (
    None, True, -1, 0, 1, 3, 1.5, float("nan"), "", "x", "same", "relu", "float16", "x" * 5000, [], [[]], [None],
    [1, 2], {}, {"class_name": "Dense", "config": {}}, {"a": 1},
)  # fmt: skip


@cache
def tiny_model() -> keras.Model:
    """A network that keeps the contract of a model file, and has a hundred weights."""
    keras.utils.set_random_seed(1)
    x = image = keras.Input((128, 128, 3))
    x = layers.Conv2D(4, 3, strides=8, name="conv")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    gender = layers.Dense(1, activation="sigmoid", name="gender_output")(x)
    return keras.Model(image, [gender, layers.Dense(1, name="age_output")(x)])


@cache
def original(suffix: str) -> bytes:
    """The tiny model as a file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"tiny{suffix}"
        (tiny_model().save_weights if suffix == ".weights.h5" else tiny_model().save)(path)
        return path.read_bytes()


def member(name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(original(".keras"))) as archive:
        return archive.read(name)


def keras_file(path: Path, left_out: str = "", **members: bytes) -> Path:
    """The tiny model's file with other members."""
    config, weights = members.pop("config", None), members.pop("weights", None)
    whole = {
        "metadata.json": b"{}",
        CONFIG: member(CONFIG) if config is None else config,
        WEIGHTS: member(WEIGHTS) if weights is None else weights,
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in whole.items():
            if name != left_out:
                archive.writestr(name, data)
    return path


def described(config: dict, folder: Path, suffix: str) -> Path:
    """A model file with this description and the tiny model's weights."""
    path = folder / f"m{suffix}"
    if suffix == ".keras":
        return keras_file(path, config=json.dumps(config).encode())
    path.write_bytes(original(".h5"))
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = json.dumps(config)[:64_000]
    return path


@st.composite
def stored_wrongly(draw, data: bytes) -> bytes:
    """An HDF5 file with a dataset gone, moved, of another shape or kind, or elsewhere."""
    memory = io.BytesIO(data)
    with h5py.File(memory, "r+") as file:
        found: list[str] = []
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
        name = draw(st.sampled_from(sorted(found)))
        shape = file[name].shape
        kind = draw(st.sampled_from(("gone", "group", "moved", "shape", "not finite", "text", "link")))
        if kind == "moved":
            file.move(name, name + "x")
        else:
            del file[name.rpartition("/")[0] if kind == "group" else name]
        if kind == "shape":
            file[name] = np.zeros(draw(st.sampled_from(((), (0,), (1,) * 5, shape[::-1], (*shape, 1)))), "float32")
        elif kind == "not finite":
            file[name] = np.full(shape, draw(st.sampled_from((np.nan, np.inf))), draw(st.sampled_from(("f8", "f2"))))
        elif kind == "text":
            file.create_dataset(name, shape, h5py.string_dtype())
        elif kind == "link":
            file[name] = draw(st.sampled_from((h5py.SoftLink("/nowhere"), h5py.SoftLink(name))))
    return memory.getvalue()


@st.composite
def model_files(draw, folder: Path) -> Path:
    suffix = draw(st.sampled_from((".keras", ".h5")))
    kind = draw(st.sampled_from(("bytes", "description", "weights", "members")))
    path = folder / f"m{suffix}"
    if kind == "description":
        return described(draw(bad.changed(json.loads(member(CONFIG)), ODD)), folder, suffix)
    if suffix == ".h5":
        path.write_bytes(draw(stored_wrongly(original(".h5")) if kind == "weights" else bad.damaged(original(".h5"))))
    elif kind == "weights":
        keras_file(path, weights=draw(stored_wrongly(member(WEIGHTS))))
    elif kind == "members":
        odd = st.sampled_from((b"", b"[]", b"null", b"1", b"\xff", b"{}"))
        keras_file(path, draw(st.sampled_from(("", CONFIG, WEIGHTS))), config=draw(odd))
    else:
        path.write_bytes(draw(bad.maybe_damaged(original(".keras"))))
    return path


@bad.cases(0.5)
@given(st.data())
def test_models(data):
    with TemporaryDirectory() as folder:
        path = data.draw(model_files(Path(folder)))
        model, refusal = outcome(lambda: load_model(path))
        if not refusal:
            answers = [np.asarray(answer) for answer in model(np.zeros((2, 128, 128, 3), "float32"))]
            assert [answer.shape for answer in answers] == [(2, 1), (2, 1)]
    keras.utils.clear_session()


_weights_files = st.one_of(
    bad.maybe_damaged(original(".weights.h5")),
    stored_wrongly(original(".weights.h5")),
    st.sampled_from((b"", b"\x89HDF\r\n\x1a\n", original(".keras"), original(".h5"))),
)


@bad.cases(1)
@given(_weights_files, st.sampled_from((".weights.h5", ".weights.h5", ".h5", ".keras", ".json", "")))
def test_weights(content, suffix):
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"given{suffix}"
        path.write_bytes(content)
        model = keras.models.clone_model(tiny_model())
        _, refusal = outcome(lambda: load_weights(model, path))
        if not refusal and content == original(".weights.h5"):
            assert all(map(np.array_equal, model.get_weights(), tiny_model().get_weights()))


def test_a_model_of_another_network_s_weights_names_the_layer(tmp_path):
    other = keras.Sequential([keras.Input((128, 128, 3)), layers.Conv2D(5, 3, name="conv")])
    other.save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(InputError, match=r"layer 'conv' needs .*3, 3, 3, 4.* the file holds .*3, 3, 3, 5"):
        load_weights(keras.models.clone_model(tiny_model()), tmp_path / "other.weights.h5")


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    model = keras.models.clone_model(tiny_model())
    model.get_layer("conv").bias.assign([0, np.nan, 0, 0])
    model.save(tmp_path / "m.keras")
    with pytest.raises(InputError, match="non-finite weights"):
        load_model(tmp_path / "m.keras")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_no_lambda_of_a_model_file_is_run(tmp_path, suffix):
    code = compile("lambda x: [__import__('os').mkdir('executed'), x][1]", "", "eval").co_consts[0]
    text = base64.b64encode(marshal.dumps(code)).decode()
    if suffix == ".keras":
        parts = {"code": text, "defaults": None, "closure": None, "value": [text, None, None]}
        function = {"function": {"class_name": "__lambda__", "config": parts}}
    else:
        function = {"function": [text, None, None], "function_type": "lambda"}
    config = json.loads(member(CONFIG))
    layer = next(item for item in config["config"]["layers"] if item["config"]["name"] == "relu")
    inside = {"name": "relu", "arguments": {}, **function}
    layer.update(class_name="Lambda", module="keras.layers", registered_name=None, config=inside)
    assert "ambda" in outcome(lambda: load_model(described(config, tmp_path, suffix)))[1]
