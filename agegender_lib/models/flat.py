"""A model as one flat graph of plain layers, in words that the oldest Keras 3 knows.

A network that trains holds models inside a model: a backbone, a network that predicts for a face and for its mirror
image, members. Keras 2 and old Keras 3 stumble over those in a file, and over arguments that came later, even where
they only hold their defaults.
"""

import copy
import inspect
import re
from collections.abc import Callable

import keras

# Before what stands inside another model under the same name: the output for one of several images.
_EACH = "each_"
_TENSOR = "__keras_tensor__"
# Always said: dtype and data_format may be others by a reader's own keras.json, and some Keras misses an offset.
_SAID = "dtype", "data_format", "offset"


def flat(model: keras.Model) -> keras.Model:
    """The same function as one graph of layers, none of them a model; ``model`` itself where it is flat already.

    Names stay, but for those of layers inside another model: ``shared_`` stands before a backbone's, ``member_2_``
    before those of a member, ``each_`` before the outputs of a network whose outputs are averaged. So
    ``age_distribution`` ends the name of every layer that gives one, ``gender_output`` that of every layer that gives a
    P(female), and ``mirror_reverse`` that of every mirror. A layer that a face and its mirror image share is called
    twice.
    """
    nested = any(isinstance(layer, keras.Model) for layer in model.layers)
    return rebuilt(model) if nested else model


def rebuilt(model: keras.Model) -> keras.Model:
    """What a file of :func:`portable_config` and the model's weights holds; see :func:`flat`."""
    graph = _Graph(model.get_config())
    found = keras.Model.from_config(copy.deepcopy(graph.config))
    for layer in found.layers:
        if layer.weights:
            layer.set_weights(_inside(model, graph.origins[layer.name]).get_weights())
    return with_one_input(found)


def weights_in_flat(model: keras.Model) -> dict[str, keras.layers.Layer]:
    """The layers of a model that hold weights, by the names that :func:`flat` would give them."""
    found = {name: _inside(model, path) for name, path in _Graph(model.get_config()).origins.items() if path}
    return {name: layer for name, layer in found.items() if layer.weights}


def with_one_input(model: keras.Model) -> keras.Model:
    """A model that takes a picture, and not a list of one picture as files describe it: Keras would warn of that."""
    return keras.Model(model.inputs[0], model.outputs, name=model.name)


def portable_config(model: keras.Model) -> dict:
    """The configuration of a model as one flat graph, as Keras 3.0 would write it: JSON, defaults left out."""
    return _Graph(model.get_config()).config


def keras_2_config(config: dict) -> dict:
    """What :func:`portable_config` returns, as Keras 2 would write it."""
    config = copy.deepcopy(config)
    for layer in config["layers"]:
        for key in ("module", "registered_name"):
            layer.pop(key)
        arguments = layer["config"]
        if layer["class_name"] == "InputLayer":
            arguments["batch_input_shape"] = arguments.pop("batch_shape")
        if layer["class_name"] == "Resizing":
            arguments.pop("data_format", None)  # it has none there, and takes Keras's own
        nodes = [_histories(node["args"]) for node in layer["inbound_nodes"]]
        layer["inbound_nodes"] = [[[*history, {}] for history in node] for node in nodes]
    return config


def walk(model: keras.Model, visit: Callable) -> list:
    """Call a :func:`flat` model again, layer by layer, on its own input; returns its outputs.

    ``visit(layer, *arguments, **keywords)`` returns what stands for the layer's output: what the layer gives, or
    another tensor.
    """
    again = keras.models.clone_model(
        model, input_tensors=model.input, clone_function=lambda layer: layer, call_function=visit
    )
    return again.outputs


class _Graph:
    """The flat configuration, put together call by call from that of models inside a model."""

    def __init__(self, config: dict):
        self.layers: dict[str, dict] = {}
        self.origins: dict[str, tuple[str, ...]] = {}
        self._names: dict[tuple[str, ...], dict[str, str]] = {}
        self._taken: set[str] = set()
        (image,) = (layer for layer in config["layers"] if layer["class_name"] == "InputLayer")
        self._add(image, image["name"], ())
        outputs = self._run(config, {image["name"]: [image["name"], 0, 0]}, ())
        self.config = {
            "name": config["name"],
            "trainable": True,
            "layers": list(self.layers.values()),
            "input_layers": [[image["name"], 0, 0]],
            "output_layers": outputs,
        }

    def _run(self, config: dict, images: dict[str, list], path: tuple[str, ...]) -> list:
        """Add the calls of a model's layers: from where its inputs come to where its outputs are."""
        names = self._named(config, path)
        layers = {layer["name"]: layer for layer in config["layers"]}
        done: dict[tuple[str, int], list] = {(name, 0): [place] for name, place in images.items()}

        def place(history):
            name, node, tensor = history
            if (name, node) not in done:
                call(name, node)
            return done[name, node][tensor]

        def call(name, node):
            layer = layers[name]
            said = layer["inbound_nodes"][node]
            if layer["class_name"] == "Functional":
                inputs = [place(history) for history in _histories(said["args"])]
                inner = [history[0] for history in _list(layer["config"]["input_layers"])]
                done[name, node] = self._run(layer["config"], dict(zip(inner, inputs, strict=True)), (*path, name))
                return
            # None is a default, and what is said of training is one as well: Resizing, when it was read, says True
            keywords = {k: v for k, v in said["kwargs"].items() if v is not None and k != "training"}
            said, plain = {"args": _replaced(said["args"], place), "kwargs": _replaced(keywords, place)}, names[name]
            flat_layer = self.layers.get(plain) or self._add(layer, plain, (*path, name))
            flat_layer["inbound_nodes"].append(said)
            done[name, node] = [[plain, len(flat_layer["inbound_nodes"]) - 1, 0]]

        # in the layers' order, which is that of the graph, so that no call has to look far back
        for layer in config["layers"]:
            for node in range(len(layer["inbound_nodes"])):
                place([layer["name"], node, 0])
        # a model's calls are counted from 1 there
        return [
            place([name, node - (layers[name]["class_name"] == "Functional"), tensor])
            for name, node, tensor in _list(config["output_layers"])
        ]

    def _add(self, layer: dict, name: str, origin: tuple[str, ...]) -> dict:
        self.origins[name] = origin
        self._taken.add(name)
        self.layers[name] = {
            "module": "keras.layers",
            "class_name": layer["class_name"],
            "config": {"name": name, **_plain(layer)},
            "registered_name": None,
            "name": name,
            "inbound_nodes": [],
        }
        return self.layers[name]

    def _named(self, config: dict, path: tuple[str, ...]) -> dict[str, str]:
        """The flat names of a model's layers by their names there."""
        if path in self._names:
            return self._names[path]
        prefix = "".join(_prefix(model) for model in path)
        numbers: dict[str, int] = {}
        names = {}
        for layer in config["layers"]:
            name, kind = layer["name"], snake_case(layer["class_name"])
            if re.fullmatch(rf"{kind}(_\d+)?", name):
                # Keras's own names count through all models of a process
                numbers[kind] = numbers.get(kind, 0) + 1
                name = f"{kind}_{numbers[kind]}"
            name = prefix + name
            while path and name in self._taken:
                name = prefix + _EACH + name.removeprefix(prefix)
            names[layer["name"]] = name
        if path or not self._names:
            self._taken.update(names.values())
        self._names[path] = names
        return names


def _prefix(model: str) -> str:
    if model.startswith("member_"):
        return f"{model}_"
    return "shared_" if model.startswith("shared_") else ""


def _plain(layer: dict) -> dict:
    """A layer's arguments without those that hold their defaults, and with initialisers that every Keras has."""
    found, defaults = {}, {}
    for base in reversed(getattr(keras.layers, layer["class_name"]).__mro__):
        parameters = inspect.signature(base.__init__).parameters.values() if "__init__" in vars(base) else ()
        defaults |= {one.name: one.default for one in parameters if one.default is not one.empty}
    for key, value in layer["config"].items():
        default = defaults.get(key)
        if key == "dtype":
            value = value["config"]["name"] if isinstance(value, dict) else value
        elif key.endswith("_initializer"):
            # the weights follow; drawing them first takes time
            value = default if default in ("zeros", "ones") else "zeros"
        elif key == "axis" and isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif key == "activation":
            value = {"linear": None, "silu": "swish"}.get(value, value)
        if key == "name" or value is None or (key == "trainable" and value):
            continue
        if value is False and default is None:
            continue
        if key not in _SAID and value == (list(default) if isinstance(default, tuple) else default):
            continue
        found[key] = value
    return found


def _list(one_or_more) -> list:
    """A place, or a list of places, as a list."""
    return [one_or_more] if isinstance(one_or_more[0], str) else one_or_more


def _histories(arguments) -> list[list]:
    """The places of all tensors in a call's arguments, in their order."""
    found: list[list] = []
    _replaced(arguments, lambda history: found.append(history))
    return found


def _replaced(arguments, place: Callable):
    """A call's arguments with the place of every tensor replaced."""
    if isinstance(arguments, dict):
        if arguments.get("class_name") == _TENSOR:
            tensor = arguments["config"]
            return {**arguments, "config": {**tensor, "keras_history": place(tensor["keras_history"])}}
        return {key: _replaced(value, place) for key, value in arguments.items()}
    if isinstance(arguments, (list, tuple)):
        return [_replaced(value, place) for value in arguments]
    return arguments


def _inside(model: keras.Model, path: tuple[str, ...]) -> keras.layers.Layer:
    for name in path:
        model = model.get_layer(name)
    return model


def snake_case(name: str) -> str:
    """The name of a class as Keras derives a layer's from it: Conv2D is conv2d."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
