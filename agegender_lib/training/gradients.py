"""Does one task gain what the other loses? The angle between their gradients on the shared layers.

A positive cosine means that a step for the age is also a step for the gender; a negative one that it undoes part
of it (gradient conflict: Yu et al. 2020, arXiv 2001.06782).
"""

import re
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import layers, ops

from agegender_lib.models.backend import compiled, gradients, values_of
from agegender_lib.training.batches import Batches
from agegender_lib.training.config import TrainingConfig
from agegender_lib.training.losses import compile_arguments

_GROUP = re.compile(r"shared_((?:stage\d+_)?block\d+|[^_]+)")


def gradient_conflict(
    network: keras.Model, age_loss: Callable, gender_loss: Callable, batches: Sequence[tuple]
) -> Callable[[], dict[str, float]]:
    """What measures the cosine of two losses' gradients with respect to a network's shared weights.

    These are the weights of layers ``shared_...``; where there are none, it measures nothing.

    The network runs as in training, in that BatchNormalization takes the batch's own statistics: with the moving
    ones the kernels before it would have a gradient that lengthens them, which is none in training and on which the
    tasks agree or not for no reason. Noise (dropout, Gaussian) is left out, because each branch draws its own, which
    would pull every cosine towards 0. Nothing of the network changes: the call is stateless.

    A loss is ``loss(wanted, outputs)``, dictionaries of tensors, to a number; a batch uint8 images and its targets.
    Returned is what gives the columns of an epoch's row of history, see :func:`conflict_columns`, for the weights as
    they are when it is called.
    """
    groups = shared_groups(network)
    if not groups:
        return dict
    # the same network, sharing every layer that learns
    network = keras.models.clone_model(network, clone_function=_without_noise)
    places = {id(variable): place for place, variable in enumerate(network.trainable_variables)}
    shared = [[places[id(variable)] for variable in group] for group in groups.values()]

    def losses(at, trained, others, images, wanted):
        own = dict(zip(keras.tree.flatten(shared), keras.tree.flatten(at), strict=True))
        trained = [own.get(place, value) for place, value in enumerate(trained)]
        outputs, _ = network.stateless_call(trained, others, ops.cast(images, "float32") / 255.0, training=True)
        return age_loss(wanted, outputs), gender_loss(wanted, outputs)

    def products(trained, *arguments):
        at = [[trained[place] for place in group] for group in shared]
        pairs = zip(*gradients(losses, at, trained, *arguments), strict=True)
        return ops.stack([_products(age, gender) for age, gender in pairs])

    graph, tensors = compiled(products), keras.tree.map_structure(ops.convert_to_tensor, list(batches))

    def measured():
        weights = values_of((network.trainable_variables, network.non_trainable_variables))
        found = [ops.convert_to_numpy(graph(*weights, *batch)) for batch in tensors]
        return conflict_columns(np.stack(found), list(groups))

    return measured


def _products(age, gender):
    """age . age, gender . gender and age . gender of two lists of gradients of the same weights."""

    def product(one, other):
        return sum(ops.sum(a * b) for a, b in zip(one, other, strict=True))

    return ops.stack([product(age, age), product(gender, gender), product(age, gender)])


def _without_noise(layer):
    return layers.Identity(name=layer.name) if isinstance(layer, (layers.Dropout, layers.GaussianNoise)) else layer


def shared_groups(network: keras.Model) -> dict[str, list]:
    """The shared variables that learn, by group, from the input upwards.

    A group is a block (``stage1_block1``, or ``block1`` in the original network), ``stem``, ``pool``, or a whole
    backbone by its name.
    """
    groups: dict[str, list] = {}
    for layer in network.layers:
        if layer.name.startswith("shared_") and layer.trainable_variables:
            name = layer.name.removeprefix("shared_")
            if not isinstance(layer, keras.Model):
                name = _GROUP.match(layer.name)[1]
            groups.setdefault(name, []).extend(layer.trainable_variables)
    return groups


def conflict_columns(products: np.ndarray, groups: Sequence[str]) -> dict[str, float]:
    """From scalar products, float [batches, groups, 3] as :func:`_products` gives them, to the columns of history.csv.

    ``gradient_cosine`` and ``gradient_norm_ratio`` (age / gender) are of all shared weights as one vector, and
    ``gradient_cosine:<group>`` of one group; each the mean over batches, NaN where a gradient is zero.
    """
    products = np.asarray(products, dtype="float64")
    age, gender, both = np.moveaxis(np.concatenate([products.sum(axis=1, keepdims=True), products], axis=1), -1, 0)

    def mean_ratios(above, below):
        return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0).mean(axis=0).tolist()

    cosine, *cosines = mean_ratios(both, np.sqrt(age * gender))
    columns = {"gradient_cosine": cosine, "gradient_norm_ratio": mean_ratios(np.sqrt(age), np.sqrt(gender))[0]}
    return columns | {f"gradient_cosine:{group}": own for group, own in zip(groups, cosines, strict=True)}


def measure_of(graph: keras.Model, config: TrainingConfig, training: Batches) -> Callable[[], dict]:
    """What is measured at the end of every epoch of a training graph: nothing, or its tasks' conflict.

    The faces are the first batches of the first epoch, in every epoch, neither augmented nor blended.
    """
    if not config.gradient_batches:
        return dict
    network = graph.get_layer("network")
    compiled = compile_arguments(config, list(network.output))

    def part(names):
        def loss(wanted, said):
            terms = [ops.mean(compiled["loss"][name](wanted[name], said[name])) for name in names]
            return sum(compiled["loss_weights"][n] * term for n, term in zip(names, terms, strict=True))

        return loss

    age_loss, gender_loss = part([n for n in compiled["loss"] if n != "gender_output"]), part(["gender_output"])
    batches = Batches(training.images, training.rows, training.targets, config.batch_size, config.seed)
    chosen = [batches[i] for i in range(config.gradient_batches)]
    return gradient_conflict(network, age_loss, gender_loss, chosen)
