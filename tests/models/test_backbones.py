"""Backbones: what each sees, which parts learn, how they are saved, and which weights they start from."""

from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from model_tools import CONTRACT, fit, kinds, line, norms, same, values
from tiny_backbone import tiny_backbone

from agegender_lib.errors import InputError
from agegender_lib.models import BACKBONES, build_model_b, set_trainable, stages_of
from agegender_lib.models.backbones import backbone_in, build_backbone
from agegender_lib.training.features import POOLED

NAMES = list(BACKBONES)


@pytest.fixture(scope="module")
def networks():
    """A ModelB on each backbone, with random weights."""
    return {name: build_model_b(name, "none") for name in NAMES}


# the convention by which the weights were trained, as Keras itself has it
CONVENTIONS = {
    "inception_v3": keras.applications.inception_v3,
    "vgg16": keras.applications.vgg16,
    # Caffe's, which is not MobileNet's own: the weights are not Keras's
    "mobilenet_vggface2": keras.applications.vgg16,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_backbone_sees_what_it_was_trained_on(name, networks, drawn):
    model = networks[name]
    scale = model.get_layer("shared_input_scale")
    assert backbone_in(model)._inbound_nodes[-1].input_tensors[0] is scale.output
    pixels = drawn.images[:5].astype("float32")
    seen = np.asarray(keras.Model(model.input, scale.output)(pixels / 255))
    wanted = CONVENTIONS[name].preprocess_input(pixels.copy())
    assert seen == pytest.approx(wanted, abs=2e-4)
    assert not scale.trainable_variables


# from the papers: convolutions in each stage, and side and channels of what it hands on, for 128 x 128 pixels
STAGES = {
    "inception_v3": [(5, 13, 192), (21, 13, 288), (44, 6, 768), (24, 2, 2048)],
    "vgg16": [(2, 64, 64), (2, 32, 128), (3, 16, 256), (3, 8, 512), (3, 4, 512)],
    "mobilenet_vggface2": [(1, 64, 32), (2, 64, 64), (4, 32, 128), (4, 16, 256), (12, 8, 512), (4, 4, 1024)],
}


@pytest.mark.parametrize("name", NAMES)
def test_stages_are_those_of_the_papers(name, networks):
    found = []
    for members in stages_of(backbone_in(networks[name])).values():
        convolutions = [isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)) for layer in members]
        _, height, width, channels = members[-1].output.shape
        assert height == width
        found.append((sum(convolutions), height, channels))
    assert found == STAGES[name]


def test_the_branches_of_model_b_are_the_original_report_s(networks):
    for output in CONTRACT:
        found = line(networks["vgg16"], output)
        end = found.index(networks["vgg16"].get_layer("shared_pool_average"))
        branch = ["Dense", "BatchNormalization", "Dropout", "GaussianNoise"]
        head = ["Dense"] if output == "gender_output" else ["Dense", "Dense"]
        assert kinds(found)[end + 1 :] == branch + head
        assert found[end + 1].units == 256 and found[end + 1].activation is keras.activations.relu
        assert found[end + 3].rate == 0.4 and found[end + 4].stddev == 0.1


@pytest.mark.parametrize("side", [128, 64, [128, 64]])
def test_the_backbone_sees_the_face_at_the_sides_asked_for(side, faces):
    model = build_model_b("mobilenet_vggface2", "none", image_size=side)
    scaled = BACKBONES["mobilenet_vggface2"].preprocess(faces)
    features = []
    for pixels in np.atleast_1d(side):
        seen = keras.ops.image.resize(scaled, (int(pixels), int(pixels)))
        features.append(np.asarray(backbone_in(model)(seen, training=False)).mean(axis=(1, 2)))
    pooled = keras.Model(model.input, model.get_layer(POOLED).output)(faces, training=False)
    np.testing.assert_allclose(pooled, np.concatenate(features, axis=1), rtol=1e-4, atol=1e-5)
    assert model.input_shape == (None, 128, 128, 3) and model.output_names == CONTRACT


# ModelB and what it starts from. A tiny network stands in where the size of the backbone does not matter.


@pytest.fixture
def pretrained(tiny_b):
    """A weights file of the backbone "tiny", with statistics of its own."""
    return tiny_b[1]


def test_model_b_starts_from_the_file_it_is_given(pretrained):
    model = build_model_b("tiny", pretrained)
    given = tiny_backbone(False, None, (128, 128, 3))
    given.load_weights(pretrained)
    assert same(values(backbone_in(model)), values(given))
    assert "tiny.weights.h5" in model.weights_origin and "random" not in model.weights_origin
    assert build_model_b("tiny", "none").weights_origin == "random weights, as asked"


@pytest.mark.parametrize("frozen", [True, False])
def test_pretrained_normalisation_stays_in_inference_mode(frozen, pretrained, faces):
    model = build_model_b("tiny", pretrained if frozen else "none", dense=8)
    base = backbone_in(model)
    # the stages of a training must not thaw it
    for what in ("heads", "all"):
        set_trainable(model, what)
    before = {layer.name: values(layer) for layer in base.layers}
    heads = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    heads_before = [values(layer) for layer in heads]
    fit(model, faces)
    for layer in norms(base):
        assert same(values(layer), before[layer.name]) == frozen, layer.name
    # frozen or not, everything else learnt
    assert not any(same(values(base.get_layer(name)), before[name]) for name in ("conv1", "conv2"))
    assert len(heads) == 2
    assert not any(same(values(layer), then) for layer, then in zip(heads, heads_before, strict=True))
    # in inference mode the batch does not matter
    one, whole = base(faces[:1], training=True), base(faces, training=True)
    assert (np.abs(np.asarray(one)[0] - np.asarray(whole)[0]).max() < 1e-4) == frozen


@pytest.mark.parametrize(("what", "learning"), [("heads", []), ("all", ["conv1", "conv2"])])
def test_a_stage_trains_what_it_names(what, learning, pretrained):
    model = build_model_b("tiny", pretrained, dense=8)
    for before in ("all", "heads"):
        set_trainable(model, before)
        set_trainable(model, what)
        base = backbone_in(model)
        assert [layer.name for layer in base.layers if layer.trainable_variables] == learning
        branches = [layer.name for layer in model.layers if layer.trainable_variables and layer is not base]
        assert {name.partition("_")[0] for name in branches} == {"gender", "age"}
        assert "gender_output" in branches and "age_distribution" in branches


def test_files_of_other_weights_or_none_are_refused(tiny_b, tmp_path):
    other = tiny_backbone(False, None, (128, 128, 3), widths=(16, 8))
    other.save_weights(tmp_path / "other.weights.h5")
    shorter = keras.Model(other.input, other.get_layer("relu1").output)
    shorter.save_weights(tmp_path / "shorter.weights.h5")
    (tmp_path / "text.weights.h5").write_text("not weights")
    with h5py.File(tmp_path / "table.weights.h5", "w") as file:
        file["numbers"] = np.arange(3)
    for name, message in {
        "other": r"layer 'conv2' needs .*\(3, 3, 16, 16\).*holds .*\(3, 3, 16, 8\)",
        "shorter": "layer 'conv2' needs .* the file holds nothing",
        "missing": r"no weights file at .*missing\.weights\.h5",
        "text": r"text\.weights\.h5 is not a Keras weights file",
        "table": r"table\.weights\.h5 does not fit tiny: layer 'conv1'",
    }.items():
        with pytest.raises(InputError, match=message):
            build_backbone("tiny", tmp_path / f"{name}.weights.h5")
    with pytest.raises(InputError, match=r"'resnet' is unknown: choose one of inception_v3, .*, tiny, vgg16"):
        build_backbone("resnet", "none")


@pytest.mark.parametrize("error", [OSError("URL fetch failure\nno route"), TimeoutError(), Exception("")])
def test_without_the_weights_that_were_asked_for_nothing_is_built(error, monkeypatch):
    def offline(include_top, weights, input_shape):
        if weights == "imagenet":
            raise error
        return tiny_backbone(include_top, weights, input_shape)

    monkeypatch.setitem(BACKBONES, "offline", replace(BACKBONES["inception_v3"], build=offline))
    with pytest.raises(InputError, match=r"weights of offline cannot be downloaded .* say 'none' to begin"):
        build_model_b("offline")
    model = build_model_b("offline", "none")
    assert model.weights_origin == "random weights, as asked"
    # statistics of a network that never saw an image mean nothing
    assert all(layer.trainable for layer in norms(model))
