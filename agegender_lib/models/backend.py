"""What Keras leaves to its backends: gradients, graphs, which processor computes, and several of them at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

from agegender_lib.errors import InputError


def processor() -> str:
    """What computes, and by which backend: "NVIDIA H100 80GB HBM3, by JAX"."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        cards = [tf.config.experimental.get_device_details(card) for card in tf.config.list_physical_devices("GPU")]
        names = [card.get("device_name", "a graphics card") for card in cards]
    elif backend == "jax":
        import jax

        names = [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    else:
        import torch

        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        names = names or ["Apple silicon"] * torch.backends.mps.is_available()
    kinds = [f"{names.count(name)} x {name}" if names.count(name) > 1 else name for name in dict.fromkeys(names)]
    said = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
    return f"{', '.join(kinds) or 'the processor'}, by {said.get(backend, backend)}"


@contextmanager
def data_parallel(devices: int) -> Iterator[None]:
    """Inside the block, networks that are built and trained share each batch among so many devices.

    An InputError where there are fewer, or the backend cannot do that.
    """
    if devices == 1:
        yield
        return
    backend, there = keras.backend.backend(), keras.distribution.list_devices()
    if backend != "jax":
        raise InputError(f"devices is {devices}, and {backend} uses one: set KERAS_BACKEND to jax, or devices to 1")
    if len(there) < devices:
        raise InputError(f"devices is {devices}, but JAX finds {len(there)} ({', '.join(there)}): give at most that")
    before = keras.distribution.distribution()
    shared = keras.distribution.DataParallel(devices=there[:devices], auto_shard_dataset=False)
    keras.distribution.set_distribution(shared)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def gradients(function: Callable, at: Any, *others: Any) -> list:
    """The gradients of each of a function's scalars with respect to its first argument.

    ``function(at, *others)`` returns a tuple of scalar tensors; ``at`` is a tensor, or lists and dictionaries of
    tensors. For each scalar the gradients are nested like ``at``, and zero where it does not depend on a tensor.

    >>> from keras import ops
    >>> (found,) = gradients(lambda x: (ops.sum(x**2),), ops.convert_to_tensor([1.0, 3.0]))
    >>> ops.convert_to_numpy(found).tolist()
    [2.0, 6.0]
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(at)
            scalars = function(at, *others)
        zero = tf.UnconnectedGradients.ZERO
        return [tape.gradient(scalar, at, unconnected_gradients=zero) for scalar in scalars]
    if backend == "jax":
        import jax

        scalars, pulled_back = jax.vjp(lambda x: function(x, *others), at)
        one_at_a_time = jax.numpy.eye(len(scalars), dtype=scalars[0].dtype)
        return [pulled_back(tuple(row))[0] for row in one_at_a_time]
    import torch

    at = keras.tree.map_structure(lambda x: x.detach().requires_grad_(), at)
    leaves = keras.tree.flatten(at)
    found = [
        torch.autograd.grad(scalar, leaves, retain_graph=True, allow_unused=True, materialize_grads=True)
        for scalar in function(at, *others)
    ]
    return [keras.tree.pack_sequence_as(at, list(each)) for each in found]


def compiled(function: Callable) -> Callable:
    """The function of tensors as one graph, where the backend makes graphs.

    What it uses without getting it as an argument may be taken as a constant.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False)
    if backend == "jax":
        import jax

        return jax.jit(function)
    return function


def values_of(variables: Any) -> Any:
    """Variables as the tensors that they hold now, nested as they are."""
    return keras.tree.map_structure(lambda variable: variable.value, variables)
