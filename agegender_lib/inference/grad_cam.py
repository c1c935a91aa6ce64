"""Where on a face a model finds what it says: Grad-CAM, for both tasks and any model file of this project.

Gradient-weighted class activation mapping: Selvaraju et al. 2017, arXiv 1610.02391.
"""

from collections.abc import Callable, Mapping

import keras
import numpy as np
from keras import layers, ops

from agegender_lib.errors import InputError
from agegender_lib.models.flat import flat, walk
from agegender_lib.models.heads import ARITHMETIC
from agegender_lib.models.predict import in_batches

TASKS = ("age", "gender")
SIDE = 128
#: Feature maps with fewer places than this in a row are too coarse to show where something lies.
FEWEST = 5
_BATCH = 50


def grad_cams(networks: Mapping[str, keras.Model], images: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    """How much each place of a face adds to a model's predictions.

    A channel of the last feature maps counts by the prediction's gradient (Selvaraju et al. 2017, eq. 1), a place by
    what its channels add up to (eq. 2). Gender: the logit of the gender that the model predicts, and what speaks
    against it is clipped at 0, as in eq. 2. Age: the expected age in years, for which there is no other class to speak
    against; what makes a face older and what makes it younger both count, by their size.

    The feature maps are the last with at least 5 places in a row, resized to the picture. Those of all members of a
    model, of the face and its mirror image (mirrored back) and of all sizes at which it is seen are added up before
    anything is clipped: they add to one prediction, too.

    Parameters
    ----------
    networks : mapping of str to keras.Model
        Several models by name, with outputs ``[gender_output, age_output]``.
    images : uint8 [n, 128, 128, 3]

    Returns
    -------
    dict
        (name, "age" or "gender") to float32 [n, 128, 128], from 0; what a pixel's unit is depends on the model, so that
        only the shape of a map means something.
    """
    if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE, 3):
        raise InputError(f"faces to look at are {images.dtype} {list(images.shape)}: give uint8 [n, {SIDE}, {SIDE}, 3]")
    found = {}
    for name, model in networks.items():
        both = in_batches(explainer(model), images, max(1, min(_BATCH, len(images))))
        found |= {(name, task): maps for task, maps in zip(TASKS, both, strict=True)}
    return found


def explainer(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """:func:`grad_cams` of one model for faces that come one after the other.

    Tracing a model's graph takes seconds, a map then a fraction of one: what this returns keeps its graph, as long as
    it is always called with the same number of faces, uint8 [n, 128, 128, 3]. It returns their maps, float32
    [2, n, 128, 128]: of the age, of the gender.
    """
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise InputError(
            f"Grad-CAM takes its gradients with TensorFlow only and this is {backend}: set KERAS_BACKEND to tensorflow"
        )
    contributions = _contributions(*_looked_at(flat(model)))

    def maps_of(images):
        age, gender = np.asarray(contributions(images))
        return np.stack([np.abs(age), np.maximum(gender, 0)])

    return maps_of


def randomised(model: keras.Model, seed: int = 0) -> keras.Model:
    """The same network with all that it learned drawn anew: its maps show what comes from the architecture alone.

    A map that stays the same without the learned weights does not explain them (Adebayo et al. 2018, arXiv
    1810.03292). Kernels are normal with variance 2 / fan-in (He et al. 2015, arXiv 1502.01852), everything else is as
    in a network that was just built. What only computes (a mirror, a preprocessing, an expected age) is kept.
    """
    plain = flat(model)
    fresh, rng = keras.models.clone_model(plain), np.random.default_rng(seed)
    for layer in fresh.layers:
        if layer.name.endswith(ARITHMETIC) and not layer.trainable:
            layer.set_weights(plain.get_layer(layer.name).get_weights())
            continue
        for variable in layer.weights:
            if len(variable.shape) >= 2:
                inputs = variable.shape[: 2 if isinstance(layer, layers.DepthwiseConv2D) else -1]
                variable.assign(rng.normal(0, np.sqrt(2 / np.prod(inputs)), variable.shape))
    return fresh


def _looked_at(plain: keras.Model) -> tuple[keras.Model, list[bool], list[layers.Dense]]:
    """A flat model that gives P(female), age, the feature maps, and what each of these layers of a gender reads.

    Through the maps, the last with ``FEWEST`` places in a row or more, every path to an output leads. Members, mirrored
    faces (which is said of each map) and several sizes have maps of their own.
    """
    calls, genders = [], []
    leads_here: dict[int, set[int]] = {}  # tensors to those that they are made from, themselves included
    mirrored = set()

    def visit(layer, *arguments, **keywords):
        output, inputs = layer(*arguments, **keywords), keras.tree.flatten(arguments)
        calls.append((inputs, output))
        leads_here[id(output)] = {id(output)}.union(*(leads_here.get(id(x), set()) for x in inputs))
        if any(id(x) in mirrored for x in inputs) != layer.name.endswith("mirror_reverse"):
            mirrored.add(id(output))
        if layer.name.endswith("gender_output") and isinstance(layer, layers.Dense):
            genders.append((layer, inputs[0]))
        return output

    outputs = walk(plain, visit)
    if not genders:
        raise InputError(
            f"{plain.name} has no Dense layer 'gender_output', so it has no logit to explain: give a model of this "
            "project"
        )
    # from the outputs back: what leads to one through small tensors only
    small, found = {id(output) for output in outputs}, {}
    for inputs, output in reversed(calls):
        if id(output) in small and len(output.shape) == 4 and min(output.shape[1:3]) >= FEWEST:
            found[id(output)] = output
        elif id(output) in small:
            small.update(map(id, inputs))
    # a map that shrinks in branches (Inception) leads to others, and all that they add is in its own gradient
    maps = [each for key, each in found.items() if not leads_here[key] & found.keys() - {key}]
    model = keras.Model(plain.input, [*outputs, *maps, *(features for _, features in genders)])
    return model, [id(each) in mirrored for each in maps], [layer for layer, _ in genders]


def _contributions(model, mirrored, genders):
    """From uint8 faces to [2, n, 128, 128], of age and gender. This is the corner that knows TensorFlow."""
    import tensorflow as tf

    def contributions(images):
        pixels, count = tf.cast(images, "float32") / 255.0, len(mirrored)
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(pixels)
            p_female, age, *others = model(pixels, training=False)
            maps, features = others[:count], others[count:]
            # before the sigmoid: where a model is sure, a probability has no gradient left
            logits = [ops.matmul(x, layer.kernel) + layer.bias for layer, x in zip(genders, features, strict=True)]
            gender = ops.where(p_female >= 0.5, 1.0, -1.0) * (sum(logits[1:], logits[0]) / len(logits))
        return tf.stack(
            [
                sum(_weighed(x, tape.gradient(output, x), turned) for x, turned in zip(maps, mirrored, strict=True))
                for output in (age, gender)
            ]
        )

    def _weighed(x, gradient, turned):
        if gradient is None:  # a branch of the other task
            return tf.zeros((tf.shape(x)[0], SIDE, SIDE))
        # the sum over places, not the mean: a map of many small places adds as much as one of few large ones
        cells = tf.einsum("nhwc,nc->nhw", x, tf.reduce_sum(gradient, axis=(1, 2)))
        cells = cells[:, :, ::-1] if turned else cells
        return tf.image.resize(cells[..., None], (SIDE, SIDE))[..., 0]

    return tf.function(contributions, autograph=False)
