"""The published models as a start: their backbones as they are, under heads that have learned nothing."""

import keras
import numpy as np
import pytest
from model_tools import answers

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.models import add_test_time_augmentation, build_model_a, build_model_b, load_model, published_weights
from agegender_lib.models.published_weights import published_file, published_identity, seen_by_published
from agegender_lib.models.saving import save_model
from agegender_lib.runs import read_run
from agegender_lib.training import configure
from agegender_lib.training.identity import identity_of

F = dict(backbone="mobilenet_vggface2", image_size=192, dropout=0.5)


@pytest.mark.parametrize("builder", [F, dict(backbone="inception_v3")], ids=["ModelF", "ModelB"])
def test_under_its_own_heads_the_backbone_answers_as_the_published_model(builder, few):
    network = build_model_b(weights="published", **builder)
    published = load_model(published_file(builder["backbone"]))
    assert network.weights_origin.startswith(f"the published Model{published_file(builder['backbone']).stem[-1]}")
    images = few.images[:3].astype("float32") / 255
    wanted = answers(published, images)
    # under heads that have learned nothing
    assert np.abs(answers(network, images)[1] - wanted[1]).mean() > 5
    names = {layer.name for layer in published.layers}
    for layer in network.layers:
        if layer.weights and not isinstance(layer, keras.Model):
            name = f"each_{layer.name}" if f"each_{layer.name}" in names else layer.name
            layer.set_weights(published.get_layer(name).get_weights())
    for found, value in zip(answers(add_test_time_augmentation(network), images), wanted, strict=True):
        assert found == pytest.approx(value, rel=1e-4, abs=1e-4)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder for published models."""
    monkeypatch.setattr(folders, "MODELS", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("backbone", "another", "says"),
    [
        ("vgg16", False, "no published model is built on vgg16"),
        ("mobilenet_vggface2", False, "there is no published model"),
        ("mobilenet_vggface2", True, "has no layer shared_conv1 of shapes"),
        ("mobilenet_vggface2", b"PK", "age_gender_F.keras is not a published model: restore it"),
    ],
)
def test_what_cannot_be_a_start_is_refused(backbone, another, says, elsewhere):
    if isinstance(another, bytes):
        (elsewhere / "age_gender_F.keras").write_bytes(another)
    elif another:
        save_model(build_model_a(widths=[8, 8], stem=8, image_size=48), elsewhere / "age_gender_F.keras")
    with pytest.raises(InputError, match=says):
        build_model_b(backbone, "published")


def test_heads_begin_alike_whatever_the_process_has_read_before():
    published_weights._layer_weights.cache_clear()
    starts = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        network = build_model_b("mobilenet_vggface2", "published", image_size=64)
        starts.append([weight.numpy() for weight in network.weights])
    assert all(np.array_equal(one, other) for one, other in zip(*starts, strict=True))


def test_another_published_file_is_another_training(few, elsewhere):
    config, names = configure("model_f"), []
    for content in (b"one", b"another"):
        (elsewhere / "age_gender_F.keras").write_bytes(content)
        names.append(identity_of(config, few, "published")["weights"])
    assert names[0] != names[1]
    assert all(name.startswith("published age_gender_F.keras sha256 ") for name in names)
    assert names[1] == f"published {published_identity('mobilenet_vggface2')}"


def test_it_is_said_which_faces_a_published_model_has_seen(few, tmp_path, monkeypatch):
    then = read_run(folders.REPORT / "results" / "runs" / "model_f")
    assert seen_by_published("mobilenet_vggface2", few.table["file"], few.table["age"] > 30) == (
        f"{len(then.train):,} faces of train_val have trained it before, none of them among these"
    )
    files = then.predictions["file"]
    seen = seen_by_published("mobilenet_vggface2", files, files.isin(then.validation["file"]))
    assert seen.endswith("4,000 of them among these, 0 of them held out here")
    seen = seen_by_published("mobilenet_vggface2", files, files == then.train["file"].iloc[3])
    assert seen.endswith("4,000 of them among these, 1 of them held out here")
    monkeypatch.setattr(folders, "REPORT", tmp_path)
    assert "not known" in seen_by_published("mobilenet_vggface2", files, files == "")
