"""Where on a face a model finds what it says: Grad-CAM, for both tasks and any model file of this project.

Gradient-weighted class activation mapping: Selvaraju et al. 2017, arXiv 1610.02391.
"""

from collections.abc import Callable, Mapping

import keras
import numpy as np
from keras import layers, ops
from tqdm import tqdm

from agegender_lib.errors import InputError

from .feature_places import follow, last_large_maps

TASKS = ("age", "gender")
SIDE = 128


def grad_cam(model: keras.Model, images: np.ndarray, task: str, batch_size: int = 50) -> np.ndarray:
    """How much each place of a face adds to a model's answer.

    A channel of the last feature maps counts by the gradient of the answer (Selvaraju et al. 2017, eq. 1), and a place
    by what its channels add up to (eq. 2). Gender: the logit of the gender that the model answers, and what speaks
    against it is cut off, as in eq. 2. Age: the expected age in years, for which there is no other answer to speak
    against; what makes a face older and what makes it younger both count, by their size.

    The feature maps are those of :func:`feature_places.last_large_maps`, each laid over the picture where its places'
    receptive fields have their centres. Those of all members of a model, of the face and its mirror image (mirrored
    back) and of all sizes at which it is seen are added up before anything is cut off: they add to one answer, too.

    Parameters
    ----------
    model : keras.Model
        Outputs ``[gender_output, age_output]``.
    images : uint8 [n, 128, 128, 3]
    task : {"age", "gender"}
    batch_size : int
        Faces at a time.

    Returns
    -------
    float32 [n, 128, 128]
        From 0; what a pixel's unit is depends on the model, so that only the shape of a map means something.

    Raises
    ------
    InputError
        For another task, images of another shape or type, or on another backend than TensorFlow.
    """
    if task not in TASKS:
        raise InputError(f"there is no task {task!r} to look at: choose one of {', '.join(TASKS)}")
    return grad_cams({"": model}, images, batch_size)["", task]


def grad_cams(
    networks: Mapping[str, keras.Model], images: np.ndarray, batch_size: int = 50, progress: bool = False
) -> dict[tuple[str, str], np.ndarray]:
    """:func:`grad_cam` of several models, both tasks of each in one pass.

    Parameters
    ----------
    networks : mapping of str to keras.Model
    images : uint8 [n, 128, 128, 3]
    batch_size : int
    progress : bool
        Show a bar on standard error.

    Returns
    -------
    dict
        (name, task) to float32 [n, 128, 128].
    """
    if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE, 3):
        raise InputError(
            f"faces to look at are {images.dtype} {list(images.shape)}: give uint8 [n, {SIDE}, {SIDE}, 3]"
        )
    found, starts = {}, range(0, len(images), batch_size)
    with tqdm(total=len(networks) * len(starts), desc="where it looks", disable=not progress or None) as bar:
        for name, model in networks.items():
            maps_of, parts = explainer(model), []
            for start in starts:
                batch = np.asarray(images[start : start + batch_size])
                # a full batch every time, so that the graph is traced once
                padding = np.zeros((min(batch_size, len(images)) - len(batch), *batch.shape[1:]), "uint8")
                parts.append(maps_of(np.concatenate([batch, padding]))[:, : len(batch)])
                bar.update()
            both = np.concatenate(parts, axis=1) if parts else np.empty((2, 0, SIDE, SIDE), "float32")
            found[name, "age"], found[name, "gender"] = both
    return found


def explainer(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """:func:`grad_cam` of one model for faces that come one after the other.

    Tracing a model's graph takes seconds, a map then a fraction of one: what this returns keeps its graph, as long as
    it is always called with the same number of faces.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    callable
        From faces, uint8 [n, 128, 128, 3], to their maps, float32 [2, n, 128, 128]: of the age, of the gender.

    Raises
    ------
    InputError
        On another backend than TensorFlow.
    """
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise InputError(
            f"Grad-CAM takes its gradients with TensorFlow only and this is {backend}: set KERAS_BACKEND to tensorflow"
        )
    places = last_large_maps(model)
    contributions = _contributions(model, places)

    def maps_of(images):
        cells = zip(places.values(), contributions(images), strict=True)
        both = sum(place.on_picture(each, SIDE) for place, each in cells).reshape(2, -1, SIDE, SIDE)
        return np.stack([np.abs(both[0]), np.maximum(both[1], 0)])

    return maps_of


def randomised(model: keras.Model, seed: int = 0) -> keras.Model:
    """The same network with all that it learned drawn anew: its maps show what comes from the architecture alone.

    A map that stays the same without the learned weights does not explain them (Adebayo et al. 2018, arXiv
    1810.03292). Kernels are normal with variance 2 / fan-in (He et al. 2015, arXiv 1502.01852), everything else is as
    in a network that was just built. What only computes (a mirror, a preprocessing, an expected age) is kept.

    Parameters
    ----------
    model : keras.Model
        Stays as it is.
    seed : int

    Returns
    -------
    keras.Model
    """
    fresh, rng = keras.models.clone_model(model), np.random.default_rng(seed)
    for layer in _leaves(fresh):
        # arithmetic made of layers is told by its constant kernel
        if isinstance(getattr(layer, "kernel_initializer", None), keras.initializers.Constant):
            continue
        for variable in layer.weights:
            if len(variable.shape) >= 2:
                inputs = variable.shape[: 2 if isinstance(layer, layers.DepthwiseConv2D) else -1]
                variable.assign(rng.normal(0, np.sqrt(2 / np.prod(inputs)), variable.shape))
    return fresh


def _leaves(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer)
        else:
            yield layer


def _contributions(model, numbers):
    """From uint8 faces to a list of [2 n, h, w], one of each feature map. This is the corner that knows TensorFlow."""
    import tensorflow as tf

    def contributions(images):
        maps, logits = [], []

        def visit(number, layer, inputs, output):
            if number in numbers:
                tape.watch(output)
                maps.append(output)
            # before the sigmoid: where a model is sure, a probability has no gradient left
            if getattr(layer, "name", "") == "gender_output" and isinstance(layer, layers.Dense):
                logits.append(ops.matmul(inputs[0], layer.kernel) + layer.bias)

        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            p_female, age = follow(model, tf.cast(images, "float32") / 255.0, visit)
            if not logits:
                raise InputError(
                    f"{model.name} has no Dense layer 'gender_output', so it has no logit to explain: give a model "
                    "of this project"
                )
            answer = ops.where(p_female >= 0.5, 1.0, -1.0) * (sum(logits[1:], logits[0]) / len(logits))
        return [
            tf.concat([_weighed(x, tape.gradient(said, x)) for said in (age, answer)], axis=0) for x in maps
        ]

    def _weighed(x, gradient):
        if gradient is None:  # a branch of the other task
            return tf.zeros(tf.shape(x)[:3])
        # the sum over places, not the mean: a map of many small places adds as much as one of few large ones
        return tf.einsum("nhwc,nc->nhw", x, tf.reduce_sum(gradient, axis=(1, 2)))

    traced = tf.function(contributions, autograph=False)
    return lambda images: [np.asarray(cells) for cells in traced(images)]
