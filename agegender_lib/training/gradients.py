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

#: Layers that change units at random while training.
NOISE = (layers.Dropout, layers.GaussianNoise)
_GROUP = re.compile(r"shared_((?:stage\d+_)?block\d+|[^_]+)")


class GradientConflict:
    """Cosine of two losses' gradients with respect to a network's shared weights, those of layers ``shared_...``.

    The network runs as in training, in that BatchNormalization takes the batch's own statistics: with the moving
    ones the kernels before it would have a gradient that lengthens them, which is none in training and on which the
    tasks agree or not for no reason. Noise (dropout, Gaussian) is left out, because each branch draws its own, which
    would pull every cosine towards 0. Nothing of the network changes: the call is stateless.

    A loss is ``loss(wanted, outputs)``, dictionaries of tensors, to a number; a batch uint8 images and its targets.
    """

    def __init__(self, network: keras.Model, age_loss: Callable, gender_loss: Callable, batches: Sequence[tuple]):
        # the same network, sharing every layer that learns
        self.network = keras.models.clone_model(network, clone_function=_without_noise)
        self.losses, self.batches = (age_loss, gender_loss), batches
        self.groups = shared_groups(network)
        self._products = None

    def __call__(self) -> dict[str, float]:
        """Columns of the epoch's row of history, see :func:`conflict_columns`; none without shared weights."""
        if not self.groups:
            return {}
        network = self.network
        places = {id(variable): place for place, variable in enumerate(network.trainable_variables)}
        shared = [places[id(variable)] for group in self.groups.values() for variable in group]

        def losses(at, trained, others, images, wanted):
            own = dict(zip(shared, at, strict=True))
            trained = [own.get(place, value) for place, value in enumerate(trained)]
            outputs, _ = network.stateless_call(trained, others, ops.cast(images, "float32") / 255.0, training=True)
            return tuple(loss(wanted, outputs) for loss in self.losses)

        def products(trained, *arguments):
            age, gender = gradients(losses, [trained[place] for place in shared], trained, *arguments)
            found, first = [], 0
            for group in self.groups.values():
                own = slice(first, first := first + len(group))
                found.append(_products(age[own], gender[own]))
            return ops.stack(found)

        weights = values_of((network.trainable_variables, network.non_trainable_variables))
        batches = keras.tree.map_structure(ops.convert_to_tensor, list(self.batches))
        if self._products is None:
            self._products = compiled(products)
        found = [ops.convert_to_numpy(self._products(*weights, *batch)) for batch in batches]
        return conflict_columns(np.stack(found), list(self.groups))


def _products(age, gender):
    """age . age, gender . gender and age . gender of two lists of gradients of the same weights."""

    def product(one, other):
        return sum(ops.sum(a * b) for a, b in zip(one, other, strict=True))

    return ops.stack([product(age, age), product(gender, gender), product(age, gender)])


def _without_noise(layer):
    return layers.Identity(name=layer.name) if isinstance(layer, NOISE) else layer


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
    return GradientConflict(network, age_loss, gender_loss, chosen)
