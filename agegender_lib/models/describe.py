"""A model as a table: its blocks, shapes and parameters."""

import math

import keras
import pandas as pd
from keras import layers

from .backbones import BACKBONES

#: Layers too small to be worth a line in a drawing.
_SILENT = (layers.InputLayer, layers.Permute, layers.Average)


def describe(model: keras.Model) -> pd.DataFrame:
    """One row per block of a model built here, from the input to the outputs.

    Layers are named ``<branch>_<part>_<operation>``, and the layers of one part share a row; a backbone has one
    row per stage.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    DataFrame
        name, kind (operations joined by ' - '), detail (kernel, strides, units ...), output_shape (text),
        parameters (int, all), trainable (int, those that learn), branch ("shared", "gender" or "age").
    """
    rows = [_row("input", "shared", [model.layers[0]])]
    parts: dict[tuple[str, str], list] = {}
    for layer in model.layers:
        if isinstance(layer, _SILENT):
            continue
        branch, _, rest = layer.name.partition("_")
        if isinstance(layer, keras.Model):
            rows.extend(_flush(parts))
            parts = {}
            rows.extend(_backbone_rows(layer))
            continue
        part = rest if layer.name.endswith(("_output", "_distribution")) else rest.split("_")[0]
        parts.setdefault((branch, part), []).append(layer)
    return pd.DataFrame(rows + _flush(parts))


def _flush(parts):
    return [_row(part, branch, members) for (branch, part), members in parts.items()]


def _row(name, branch, members):
    own = [weight for layer in members for weight in layer.weights]
    learning = [weight for layer in members for weight in layer.trainable_weights]
    kinds = list(dict.fromkeys(_kind(layer) for layer in members))
    details = list(dict.fromkeys(text for layer in members if (text := _detail(layer))))
    return {
        "name": name,
        "kind": " - ".join(kinds),
        "detail": ", ".join(details),
        "output_shape": " × ".join(str(side) for side in members[-1].output.shape[1:]),
        "parameters": sum(math.prod(weight.shape) for weight in own),
        "trainable": sum(math.prod(weight.shape) for weight in learning),
        "branch": branch if branch in ("gender", "age") else "shared",
    }


def _kind(layer):
    short = {
        "InputLayer": "Input", "BatchNormalization": "BatchNorm", "MaxPooling2D": "MaxPool",
        "AveragePooling2D": "AveragePool", "GlobalAveragePooling2D": "Global average pool", "Conv2D": "Conv",
        "GaussianNoise": "Noise", "Multiply": "Squeeze-excite", "Add": "Add",
    }  # fmt: skip
    name = type(layer).__name__
    if layer.name == "age_distribution":
        return "Softmax over ages"
    if layer.name == "age_output" and not layer.trainable:
        return "Expectation"
    return short.get(name, name)


def _detail(layer):
    if isinstance(layer, layers.Conv2D):
        stride = f", stride {layer.strides[0]}" if layer.strides[0] != 1 else ""
        return f"{layer.kernel_size[0]} × {layer.kernel_size[1]} × {layer.filters}{stride}"
    if isinstance(layer, layers.Dense) and "excite" not in layer.name:
        activation = keras.activations.serialize(layer.activation)
        return f"{layer.units} {activation}" if activation != "linear" else f"{layer.units} linear"
    if isinstance(layer, layers.Dropout):
        return f"drop {layer.rate:g}"
    if isinstance(layer, layers.GaussianNoise):
        return f"σ {layer.stddev:g}"
    return ""


def _backbone_rows(base):
    stages = BACKBONES[base.name.removeprefix("shared_")].stages
    names = [layer.name for layer in base.layers]
    rows, start = [], 0
    if base.name == "shared_inception_v3":
        start = next(i for i, layer in enumerate(base.layers) if layer.output.shape[-1] == 192) + 1
        while "pool" not in names[start - 1]:
            start += 1
        rows.append(_stage_row("inception stem", base.layers[:start]))
    for name, last in stages:
        end = names.index(last) + 1
        rows.append(_stage_row(name, base.layers[start:end]))
        start = end
    return rows


def _stage_row(name, members):
    row = _row(name, "shared", members)
    convolutions = sum(isinstance(layer, layers.Conv2D) for layer in members)
    return {**row, "kind": "pre-trained convolutions", "detail": f"{convolutions} convolutions"}
