"""Where on a face a model finds what it says: Grad-CAM, for both tasks and any model file of this project.

Gradient-weighted class activation mapping: Selvaraju et al. 2017, arXiv 1610.02391.
"""

from collections.abc import Callable, Mapping

import keras
import numpy as np
from keras import layers, ops

from agegender_lib.errors import InputError
from agegender_lib.models.backend import compiled, gradients, values_of
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


def _looked_at(plain: keras.Model) -> tuple[keras.Model, keras.Model, list[bool], list[layers.Dense]]:
    """A flat model in two: from a picture to feature maps, and from these to P(female), age, and what genders read.

    Through the maps, the last with ``FEWEST`` places in a row or more, every path to an output leads. Members, mirrored
    faces (which is said of each map) and several sizes have maps of their own. The last outputs are what each of the
    returned layers of a gender reads.
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
    # in two, because a gradient with respect to something inside a graph is something that only TensorFlow has
    after = keras.Model(maps, [*outputs, *(features for _, features in genders)])
    return keras.Model(plain.input, maps), after, [id(each) in mirrored for each in maps], [x for x, _ in genders]


def _contributions(before, after, mirrored, genders):
    """From uint8 faces to [2, n, 128, 128], of age and gender."""
    heads = [(layer.kernel, layer.bias) for layer in genders]
    variables = [(model.trainable_variables, model.non_trainable_variables) for model in (before, after)]

    def outputs_of(maps, weights, heads):
        (p_female, age, *features), _ = after.stateless_call(*weights, maps, training=False)
        # before the sigmoid: where a model is sure, a probability has no gradient left
        logits = [ops.matmul(x, kernel) + bias for x, (kernel, bias) in zip(features, heads, strict=True)]
        gender = ops.where(p_female >= 0.5, 1.0, -1.0) * (sum(logits[1:], logits[0]) / len(logits))
        # sums over faces, each of which has its own maps
        return ops.sum(age), ops.sum(gender)

    def contributions(weights, heads, images):
        maps, _ = before.stateless_call(*weights[0], ops.cast(images, "float32") / 255.0, training=False)
        maps = keras.tree.flatten(maps)  # Keras gives a single one as it is
        found = gradients(outputs_of, maps, weights[1], heads)
        return ops.stack(
            [sum(_weighed(x, own, turned) for x, own, turned in zip(maps, of, mirrored, strict=True)) for of in found]
        )

    graph = compiled(contributions)
    return lambda images: ops.convert_to_numpy(graph(*values_of((variables, heads)), ops.convert_to_tensor(images)))


def _weighed(x, gradient, turned):
    # the sum over places, not the mean: a map of many small places adds as much as one of few large ones
    cells = ops.einsum("nhwc,nc->nhw", x, ops.sum(gradient, axis=(1, 2)))
    cells = ops.flip(cells, axis=2) if turned else cells
    return ops.image.resize(cells[..., None], (SIDE, SIDE), data_format="channels_last")[..., 0]
