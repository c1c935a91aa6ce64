"""Model files hold what Keras 3.0 and Keras 2 know, and other formats answer as Keras does."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from model_tools import answers, lived_in
from tiny_faces import picture

from agegender_lib.models import (
    BACKBONES,
    add_test_time_augmentation,
    build_model_a,
    build_model_b,
    convert,
    ensemble_average,
)
from agegender_lib.models.flat import portable_config
from agegender_lib.models.saving import save_model

FACES = np.stack([np.asarray(picture(seed)) for seed in range(4)]).astype("float32") / 255
#: The layers that our models are made of, each with its arguments in Keras 3.0.5, from the signatures of that version.
KERAS_3_0 = json.loads((Path(__file__).parent / "keras_3_0.json").read_text(encoding="utf-8"))


def small(seed=0, **choices):
    keras.utils.set_random_seed(seed)
    return lived_in(build_model_a(**{"widths": (8, 8), "stem": 8, "image_size": 64, **choices}), FACES, seed)


MODELS = {
    "members": lambda: ensemble_average([add_test_time_augmentation(small(seed)) for seed in (1, 2)]),
    "ordinal": lambda: add_test_time_augmentation(small(age_head="ordinal", input_scaling="image", pooling="both")),
    "original": lambda: lived_in(build_model_a("original", filters=(2, 3), dense=6), FACES),
    "two sizes": lambda: add_test_time_augmentation(
        lived_in(build_model_b("mobilenet_vggface2", "none", dense=8, image_size=[64, 128]), FACES)
    ),
}


def unknown(config: dict) -> list[str]:
    """What a configuration holds that Keras 3.0 does not know."""
    found = []
    for layer in config["layers"]:
        kind = layer["class_name"]
        found += [f"{kind}.{key}" for key in layer["config"] if key not in KERAS_3_0.get(kind, ())]
        # a description inside an argument is an initialiser, a policy or a kernel
        found += [f"{kind}.{key}" for key, value in layer["config"].items() if isinstance(value, dict)]
        found += [f"{kind}({key}=)" for node in layer["inbound_nodes"] for key in node["kwargs"]]
    return found


@pytest.fixture(scope="module", params=MODELS)
def saved(request, tmp_path_factory):
    """A model, and the folder in which it lies in both formats."""
    model, folder = MODELS[request.param](), tmp_path_factory.mktemp("saved")
    for name in ("model.keras", "model.h5"):
        save_model(model, folder / name)
    return model, folder


def test_a_file_holds_nothing_that_keras_3_0_does_not_know(saved):
    with zipfile.ZipFile(saved[1] / "model.keras") as archive:
        described = json.loads(archive.read("config.json"))
    assert unknown(described["config"]) == [] and len(described["config"]["layers"]) > 10
    # where newer Keras writes one place, Keras 3.0 wants a list of places
    assert described["config"]["input_layers"] == [["image", 0, 0]]
    assert [name for name, _, _ in described["config"]["output_layers"]] == ["gender_output", "age_output"]


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_is_described_in_keras_3_0_s_words(name):
    config = portable_config(add_test_time_augmentation(build_model_b(name, "none", image_size=96)))
    assert unknown(config) == []
    names = [layer["name"] for layer in config["layers"]]
    assert len(set(names)) == len(names)
    # whatever else this process has built: the same model, the same words
    assert portable_config(add_test_time_augmentation(build_model_b(name, "none", image_size=96))) == config


def test_keras_2_opens_an_h5_file_and_answers_the_same(saved):
    tf_keras = pytest.importorskip("tf_keras")
    model, folder = saved
    read = tf_keras.models.load_model(folder / "model.h5", compile=False)
    assert read.output_names == ["gender_output", "age_output"]
    for found, wanted in zip(read.predict(FACES, verbose=0), answers(model, FACES), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_files_answer_as_the_model_also_when_it_is_just_called(saved):
    """Keras's Resizing tells what comes after it to train, unless it is told otherwise."""
    model, folder = saved
    wanted = model.predict(FACES, verbose=0)
    for name in ("model.keras", "model.h5"):
        read = keras.models.load_model(folder / name, compile=False)
        before = [np.array(weight) for weight in read.weights]
        for found in (read(FACES), read.predict(FACES, verbose=0)):
            for one, other in zip(found, wanted, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
        assert all(map(np.array_equal, before, read.weights))


def test_onnx_and_tflite_answer_the_same_for_any_number_of_faces(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    model = add_test_time_augmentation(small())
    for name in ("model.onnx", "model.tflite"):
        convert(model, tmp_path / name)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    runner = litert.Interpreter(model_path=str(tmp_path / "model.tflite")).get_signature_runner()
    for faces in (FACES[:1], FACES):
        wanted = answers(model, faces)
        named = runner(image=faces)
        for found in (session.run(None, {"image": faces}), [named["gender_output"], named["age_output"]]):
            for one, other in zip(found, wanted, strict=True):
                np.testing.assert_allclose(one, other, atol=1e-4)
