"""Grad-CAM: networks that look only where they were made to look, and maps that say so."""

import keras
import numpy as np
import pytest
from keras import layers

from agegender_lib.errors import InputError
from agegender_lib.inference import grad_cams, randomised
from agegender_lib.models import add_test_time_augmentation, build_model_a, ensemble_average
from agegender_lib.models.flat import flat
from agegender_lib.models.heads import age_output, gender_output
from agegender_lib.models.model_a import resized

GREEN, BLUE = (20, 230, 20), (20, 20, 230)
LEFT, RIGHT, LARGE = (48, 64, 16, 32), (80, 96, 96, 112), (64, 96, 80, 112)


def patched(*patches, n=2, colour=128):
    """Grey pictures with patches of (box, colour)."""
    images = np.full((n, 128, 128, 3), colour, np.uint8)
    for (top, bottom, left, right), tone in patches:
        images[:, top:bottom, left:right] = tone
    return images


def detector(sides=(128,), green=4.0, blue=-4.0, name="detector"):
    """Green speaks for female and old, blue for male and young, by a network without training.

    Channel 0 is how much greener than red a place is, channel 1 how much bluer; both are 0 on grey.
    """
    image = keras.Input((128, 128, 3), name="image")
    conv = layers.Conv2D(2, 1, activation="relu", use_bias=False, name="colour")
    pools = []
    for side in sides:
        x = conv(resized(image, side, f"resize_{side}"))
        x = layers.AveragePooling2D(side // 8, name=f"cells_{side}")(x)
        pools.append(layers.GlobalAveragePooling2D(name=f"pool_{side}")(x))
    x = pools[0] if len(pools) == 1 else layers.Average()(pools)
    model = keras.Model(image, [gender_output(x), age_output(x, "regression")], name=name)
    conv.set_weights([np.array([[-1, 1, 0], [-1, 0, 1]], "float32").T.reshape(1, 1, 3, 2)])
    model.get_layer("gender_output").set_weights([np.array([[green], [blue]], "float32"), np.zeros(1)])
    model.get_layer("age_output").set_weights([np.array([[50.0], [-50.0]], "float32"), np.array([30.0])])
    return model


def centre(each):
    """Mean row and column of a map."""
    grid = np.mgrid[: each.shape[0], : each.shape[1]]
    return (grid * each).sum(axis=(1, 2)) / each.sum()


def middle(box):
    top, bottom, left, right = box
    return np.array([(top + bottom - 1) / 2, (left + right - 1) / 2])


def share(each, box, margin=16):
    top, bottom, left, right = box
    return each[top - margin : bottom + margin, left - margin : right + margin].sum() / each.sum()


def grad_cam(model, images, task):
    return grad_cams({"": model}, images)["", task]


def test_maps_that_shrink_in_branches_count_once_and_excitations_pass():
    """As Inception does it: by pooling, and by a convolution with another before it."""
    image = keras.Input((128, 128, 3), name="image")
    x = layers.Conv2D(2, 1, activation="relu", use_bias=False, name="colour")(image)
    x = layers.AveragePooling2D(16)(x)
    scale = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Multiply()([x, layers.Dense(2, kernel_initializer="zeros", bias_initializer="ones")(scale)])
    branch = layers.AveragePooling2D(2)(layers.Conv2D(2, 1, use_bias=False, name="before_small")(x))
    x = layers.GlobalAveragePooling2D()(layers.Concatenate()([layers.AveragePooling2D(2)(x), branch]))
    model = keras.Model(image, [gender_output(x), age_output(x, "regression")])
    model.get_layer("colour").set_weights([np.array([[-1, 1, 0], [-1, 0, 1]], "float32").T.reshape(1, 1, 3, 2)])
    model.get_layer("before_small").set_weights([np.eye(2, dtype="float32")[None, None]])
    kernel = np.array([[4.0], [0], [0], [4]], "float32")  # green by the pooling, blue by the convolution
    model.get_layer("gender_output").set_weights([kernel, np.zeros(1)])
    images = patched((LEFT, GREEN), (RIGHT, BLUE))
    each = grad_cam(model, images, "gender")[0]
    assert share(each, LEFT) == pytest.approx(0.5, abs=0.01) == share(each, RIGHT)
    p_female = float(model(images / 255.0)[0][0, 0])
    assert each.mean() == pytest.approx(np.log(p_female / (1 - p_female)), rel=0.02)


@pytest.mark.parametrize("box", [LEFT, RIGHT])
def test_the_map_is_where_the_only_thing_seen_is(box):
    found = grad_cams({"d": detector()}, patched((box, GREEN)))
    for task in ("age", "gender"):
        assert found["d", task].shape == (2, 128, 128) and found["d", task].dtype == np.float32
        for each in found["d", task]:
            np.testing.assert_allclose(centre(each), middle(box), atol=0.01)
            assert share(each, box) > 0.99
            # of the last maps, which are coarser than the picture
            assert each[box[0] - 4, (box[2] + box[3]) // 2] > 0


def test_what_mirrored_networks_see_is_mirrored_back():
    plain, averaged = detector(), add_test_time_augmentation(detector())
    images = patched((LEFT, GREEN))
    for task in ("age", "gender"):
        expected = grad_cam(plain, images, task)
        np.testing.assert_allclose(grad_cam(averaged, images, task), expected, atol=1e-4 * expected.max())


def test_members_and_sizes_add_up_each_where_it_looks():
    # one member sees green only, the other blue only, both as a reason for female
    members = ensemble_average([detector(green=4, blue=0), detector(green=0, blue=4)])
    each = grad_cam(members, patched((LEFT, GREEN), (RIGHT, BLUE)), "gender")[0]
    assert share(each, LEFT) == pytest.approx(0.5, abs=0.01) == share(each, RIGHT)
    # the mean of a map is what the places add to the logit, whatever the sizes at which the face is seen
    images = patched((LEFT, GREEN))
    for model in (detector(), detector((64,)), detector((128, 64)), members):
        p_female = float(model(images / 255.0)[0][0, 0])
        logit = np.log(p_female / (1 - p_female))
        assert grad_cam(model, images, "gender")[0].mean() == pytest.approx(logit, rel=0.02)


def test_gender_maps_speak_for_the_answer_and_age_maps_for_both_directions():
    images = np.concatenate([patched((LEFT, GREEN), n=1), patched((LEFT, GREEN), (RIGHT, BLUE), n=1)])
    images = np.concatenate([images, patched((LEFT, GREEN), (LARGE, BLUE), n=1)])
    found = grad_cams({"d": detector(green=4, blue=-3)}, images)
    gender, age = found["d", "gender"], found["d", "age"]
    # more green than blue: female, and only green speaks for it; the other way round only blue
    assert share(gender[1], LEFT) > 0.99 and share(gender[2], LARGE) > 0.99
    assert share(age[1], LEFT) == pytest.approx(0.5, abs=0.01) == share(age[1], RIGHT)


def test_a_branch_of_the_other_task_does_not_count():
    keras.utils.set_random_seed(1)
    model = build_model_a("original", filters=(4, 4, 8), features="global", dense=8, split_after=1)
    images = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
    before = grad_cams({"m": model}, images)
    for layer in model.layers:
        if layer.name.startswith("age_block") and isinstance(layer, layers.Conv2D):
            layer.set_weights([-weight for weight in layer.get_weights()])
    after = grad_cams({"m": model}, images)
    np.testing.assert_array_equal(after["m", "gender"], before["m", "gender"])
    assert np.isfinite(after["m", "age"]).all()
    assert not np.allclose(after["m", "age"], before["m", "age"], rtol=0.1)


def test_random_weights_are_new_but_for_what_only_computes():
    keras.utils.set_random_seed(0)
    member = build_model_a(widths=(4, 4), stem=4, image_size=32)
    for layer in member.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([np.full(weight.shape, 1.7) for weight in layer.get_weights()])
    model = ensemble_average(
        [add_test_time_augmentation(member), add_test_time_augmentation(keras.models.clone_model(member))]
    )
    images = np.random.default_rng(0).integers(0, 256, (3, 128, 128, 3), dtype=np.uint8) / np.float32(255)
    one, again, other = randomised(model, 1), randomised(model, 1), randomised(model, 2)
    gender, age = (np.asarray(answer) for answer in one(images))
    np.testing.assert_array_equal(gender, again(images)[0])
    assert not np.allclose(gender, other(images)[0])
    # the mirror still mirrors and the expectation still expects
    np.testing.assert_allclose(one(images[:, :, ::-1])[1], age, rtol=1e-4)
    assert ((age > 0) & (age < 116)).all() and np.ptp(age) > 0
    for weight, new in zip(flat(model).weights, one.weights, strict=True):
        old = np.asarray(weight)
        if len(old.shape) == 4 and "mirror" not in weight.path:
            assert np.isclose(old, new).mean() < 0.01
        assert not (old == 1.7).any() or not np.any(np.asarray(new) == 1.7)


def test_what_cannot_be_looked_at_is_refused():
    model, images = detector(), patched((LEFT, GREEN))
    with pytest.raises(InputError, match="float64"):
        grad_cam(model, images / 255.0, "age")
    with pytest.raises(InputError, match="64, 64"):
        grad_cam(model, images[:, ::2, ::2], "age")
    image = keras.Input((128, 128, 3))
    x = layers.GlobalAveragePooling2D()(image)
    headless = keras.Model(image, [layers.Activation("sigmoid")(x[:, :1]), layers.Dense(1)(x)])
    with pytest.raises(InputError, match="gender_output"):
        grad_cam(headless, images, "gender")
    assert grad_cam(model, images[:0], "age").shape == (0, 128, 128)
