"""The distribution behind a saved model's age: found in every shape a model is saved in, and kept in the run folder."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from model_tools import answers, lived_in
from tiny_faces import picture

from agegender_lib.data import FaceSet
from agegender_lib.errors import InputError
from agegender_lib.files import write_csv, write_json
from agegender_lib.inference import age_distributions, with_age_distribution
from agegender_lib.models import add_test_time_augmentation, build_model_a, ensemble_average, load_model, predict
from agegender_lib.models.heads import AGES
from agegender_lib.models.saving import quantise_weights, save_model

FACES = np.stack([np.asarray(picture(seed)) for seed in range(6)])
FLOATS = FACES.astype("float32") / 255


def small(seed=0, age_head="distribution"):
    """ModelA, a hundredth of its size, with weights that look trained."""
    keras.utils.set_random_seed(seed)
    model = build_model_a(widths=(8, 8), stem=8, image_size=32, age_head=age_head)
    model = lived_in(model, FLOATS, seed)
    # answers that differ from face to face, as a trained model's do
    name = "age_ordinal" if age_head == "ordinal" else "age_distribution"
    if age_head != "regression":
        kernel, bias = model.get_layer(name).get_weights()
        model.get_layer(name).set_weights([20 * kernel, bias])
    return model


def own(model, images):
    """What a plain model's own softmax says."""
    return np.asarray(keras.Model(model.inputs[0], model.get_layer("age_distribution").output)(images))


def check(model, images=FLOATS):
    """The distribution of a model, after checking that its mean is the model's age."""
    values = np.asarray(with_age_distribution(model)(images)[-1])
    assert values.shape == (len(images), 117) and values.dtype == np.float32
    assert values.min() >= -1e-6 and values.sum(axis=1) == pytest.approx(1, abs=1e-5)
    age = answers(model, images)[1][:, 0]
    assert values @ AGES == pytest.approx(age, abs=1e-3)
    assert np.ptp(age) > 0.1
    return values


def test_a_plain_model_gives_its_softmax():
    model = small()
    np.testing.assert_allclose(check(model), own(model, FLOATS), atol=1e-6)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_members_and_mirror_images_are_mixed_also_from_a_file(suffix, tmp_path):
    members = [small(seed) for seed in (1, 2)]
    whole = ensemble_average([add_test_time_augmentation(member) for member in members])
    quantise_weights(whole, 9)
    save_model(whole, tmp_path / f"model{suffix}")
    found = check(load_model(tmp_path / f"model{suffix}"))
    parts = [own(member, images) for member in members for images in (FLOATS, FLOATS[:, :, ::-1])]
    np.testing.assert_allclose(found, np.mean(parts, axis=0), atol=1e-5)
    # the parts do differ: any one of them alone would not do
    assert min(np.abs(part - found).max() for part in parts) > 1e-3


def test_an_ordinal_head_has_a_distribution_too():
    model = small(seed=4, age_head="ordinal")
    values = check(model)
    survival = np.asarray(keras.Model(model.inputs[0], model.get_layer("age_ordinal_so_far").output)(FLOATS))
    # P(older than k) again
    np.testing.assert_allclose(1 - values.cumsum(axis=1)[:, :-1], survival, atol=1e-5)
    check(add_test_time_augmentation(model))


def test_a_regression_has_none_nor_has_a_mixture_with_one():
    assert with_age_distribution(small(age_head="regression")) is None
    mixed = ensemble_average([small(), small(age_head="regression")])
    assert with_age_distribution(mixed) is None


@pytest.fixture
def run(tmp_path):
    """A run folder of six faces, four of them held out in another order, with a real small model."""
    files = [f"{n}.jpg" for n in range(6)]
    table = pd.DataFrame({"file": files, "age": 30, "gender": 0, "race": 1, "duplicate_group": -1})
    faces = FaceSet(table, FACES, table[:0], "f" * 64, "tiny", True)
    model = add_test_time_augmentation(small())
    save_model(model, tmp_path / "model.keras")
    predictions = pd.concat([table.assign(split=["validation"] * 4 + ["train"] * 2), predict(model, FACES)], axis=1)
    write_csv(tmp_path / "predictions.csv", predictions.iloc[[3, 5, 0, 2, 4, 1]], float_format="%.5f")
    write_json(tmp_path / "config.json", {"data": {"name": "tiny", "fingerprint": "f" * 64}})
    return tmp_path, faces, model


def test_held_out_faces_get_their_distributions_once(run):
    folder, faces, model = run
    found = age_distributions(folder, faces)
    assert found.index.tolist() == ["3.jpg", "0.jpg", "2.jpg", "1.jpg"] and found.columns.tolist() == list(range(117))
    np.testing.assert_allclose(found, np.asarray(with_age_distribution(model)(FLOATS[[3, 0, 2, 1]])[-1]), atol=1e-5)
    # from then on without the model
    (folder / "model.keras").unlink()
    pd.testing.assert_frame_equal(age_distributions(folder, faces), found)


def test_files_that_do_not_belong_together_are_refused(run):
    folder, faces, _ = run
    with pytest.raises(InputError, match="other faces"):
        age_distributions(folder, replace(faces, fingerprint="0" * 64))
    save_model(add_test_time_augmentation(small(seed=5)), folder / "other.keras")
    (folder / "model.keras").rename(folder / "kept.keras")
    (folder / "other.keras").rename(folder / "model.keras")
    with pytest.raises(InputError, match=r"years from the ages in predictions\.csv"):
        age_distributions(folder, faces)
    assert not (folder / "age_distributions.npz").exists()
    (folder / "kept.keras").rename(folder / "model.keras")
    age_distributions(folder, faces)
    (folder / "age_distributions.npz").write_bytes(b"half a file")
    with pytest.raises(InputError, match="delete it"):
        age_distributions(folder, faces)
