"""A model as a table: its blocks, shapes and parameters."""

import math
import re

import keras
import pandas as pd
from keras import layers

from agegender_lib.models.backbones import BACKBONES, backbone_in, stages_of
from agegender_lib.models.heads import AGES

_NAMES = {
    "BatchNormalization": "BatchNorm",
    "GlobalAveragePooling2D": "Global average pool",
    "GlobalMaxPooling2D": "Global max pool",
}
# what stands side by side in the network, and not one after the other
_BOTH_POOLS = "Global average pool → Global max pool → Concatenate", "Global average and max pool"
# the opposite's softplus, once more turned, is a log-sigmoid; other layers are there for readers of files
_OPERATIONS = {
    "age_ordinal_opposite": "",
    "age_ordinal_log": "log-sigmoid",
    "age_ordinal_so_far": "running sum → exponential",
    "shared_input_scale_row": "",
    "shared_input_scale_image": "",
}
_REMARKS = {
    "gender_output": "P(female)",
    "age_distribution": "a unit per year, 0 to 116",
    "age_ordinal": "a unit per question: older than 0, 1, ... 115 years?",
}


def summary_table(model: keras.Model) -> pd.DataFrame:
    """One row per block of a model built here, from the input to the outputs.

    Layers are named ``<branch>_<part>_<operation>``, and the layers of one part share a row; a backbone has one
    row per stage. In a model that averages a face with its mirror image, the mirror has a row after the input.

    Returns
    -------
    DataFrame
        name, kind (operations with their sizes, joined by arrows), detail (what else there is to know),
        output_shape (text), parameters (int, all), trainable (int, those that learn), branch ("shared", "gender"
        or "age").
    """
    inner = backbone_in(model)
    if inner is not None and inner.name.removeprefix("shared_") not in BACKBONES:
        table = summary_table(inner)
        mirror = [layer for layer in model.layers if layer.name.startswith("mirror_")]
        words = {"kind": "Flip left-right", "detail": "predictions for face and mirror image are averaged"}
        row = pd.DataFrame([{**_row("mirror", "shared", mirror), **words}])
        return pd.concat([table[:1], row, table[1:]], ignore_index=True)
    resized = any(isinstance(layer, layers.Resizing) for layer in model.layers)
    parts: dict[tuple[str, str], list] = {}
    for layer in model.layers:
        branch, _, rest = layer.name.partition("_")
        if isinstance(layer, layers.InputLayer):
            branch, part = "shared", "input"
        elif resized and layer.name.startswith("shared_input_"):
            # the input's own row says what size an image has to have
            part = "resize"
        else:
            part = rest if layer.name.endswith(("_output", "_distribution")) else rest.split("_")[0]
        parts.setdefault((branch, part), []).append(layer)
    rows = []
    for (branch, part), members in parts.items():
        rows += _backbone_rows(inner) if members == [inner] else [_row(part, branch, members)]
    return pd.DataFrame(rows)


def input_and_feature_map_size(model: keras.Model) -> dict[str, int]:
    """Pixels in a row of what the first convolution sees, and places in a row of the last feature map."""
    first = next(layer for layer in model.layers if isinstance(layer, layers.Conv2D))
    maps = [layer.output.shape for layer in model.layers if len(layer.output.shape) == 4]
    return {"image_size": first.input.shape[1], "feature_map_size": maps[-1][1]}


def _row(name, branch, members):
    own = [weight for layer in members for weight in layer.weights]
    learning = [weight for layer in members for weight in layer.trainable_weights]
    kind, detail = _blocks(members) or (
        " → ".join(text for layer in members if (text := _operation(layer))).replace(*_BOTH_POOLS),
        ", ".join(text for layer in members if (text := _remark(layer))),
    )
    return {
        # stage1 is a good name for layers, "stage 1" for readers
        "name": "pool" if name == "global" else re.sub(r"(?<=[a-z])(?=\d)", " ", name),
        "kind": kind,
        "detail": detail,
        "output_shape": " × ".join(str(side or "any") for side in members[-1].output.shape[1:]),
        "parameters": sum(math.prod(weight.shape) for weight in own),
        "trainable": sum(math.prod(weight.shape) for weight in learning),
        "branch": branch if branch in ("gender", "age") else "shared",
    }


def _blocks(members):
    """Kind and detail of a stage of ModelA's blocks, whose layers do not follow each other in one line."""

    def ending(end):
        return [layer for layer in members if layer.name.endswith(end)]

    blocks = len(ending("_norm2"))
    if not blocks:
        return None
    kind = "residual" if ending("_add") else "plain"
    detail = f"2 × (BatchNorm → ReLU → {_operation(ending('_conv2')[0])})"
    if ending("_excitation"):
        detail += " → squeeze-excite"
    stride = ending("_conv1")[0].strides[0]
    first = ["1 × 1 shortcut"] if ending("_shortcut") else []
    first += [f"first Conv with stride {stride}"] if stride > 1 else []
    if first:
        detail += ("; " if blocks == 1 else "; in the first block: ") + " and ".join(first)
    return (f"{kind} block" if blocks == 1 else f"{blocks} {kind} blocks, each"), detail


def _operation(layer):
    name = type(layer).__name__
    name = _NAMES.get(name, name)
    if isinstance(layer, layers.InputLayer):
        return "RGB image in [0, 1]"
    if layer.name in _OPERATIONS or layer.name.endswith("_only"):
        return _OPERATIONS.get(layer.name, "")
    if isinstance(layer, layers.Rescaling):
        low, high = layer.offset, layer.offset + layer.scale
        return f"Rescaling to [{low:g}, {high:g}]".replace("-", "−")
    if isinstance(layer, layers.Resizing):
        return f"Resizing to {layer.height} × {layer.width}"
    if layer.name == "shared_input_scale" and isinstance(layer, layers.LayerNormalization):
        return "each image to mean 0 and variance 1"
    if isinstance(layer, layers.Conv2D):
        stride = f", stride {layer.strides[0]}" if layer.strides[0] != 1 else ""
        return f"Conv {layer.kernel_size[0]} × {layer.kernel_size[1]} × {layer.filters}{stride}"
    if isinstance(layer, (layers.MaxPooling2D, layers.AveragePooling2D)):
        return f"{name.removesuffix('ing2D')} {layer.pool_size[0]} × {layer.pool_size[1]}"
    if layer.name == "age_output" and not layer.use_bias:
        return "Sum" if _is_sum(layer) else "Expectation"
    if isinstance(layer, (layers.Dense, layers.Activation)):
        activation = keras.activations.serialize(layer.activation)
        activation = "ReLU" if activation == "relu" else activation
        if isinstance(layer, layers.Activation):
            return activation
        return f"Dense {layer.units}" + ("" if activation == "linear" else f" → {activation}")
    if isinstance(layer, layers.Dropout):
        return f"Dropout {layer.rate:g}"
    if isinstance(layer, layers.GaussianNoise):
        return f"Noise σ {layer.stddev:g}"
    return name


def _remark(layer):
    if layer.name == "shared_input_scale" and isinstance(layer, layers.Conv2D):
        return "to ImageNet's centred BGR"
    if layer.name == "age_output":
        if layer.use_bias:
            return "years"
        return "P(older than k years), k from 0" if _is_sum(layer) else "each age times its probability"
    return _REMARKS.get(layer.name, "")


def _is_sum(layer):
    """Whether the age is a sum over the ordinal head's questions; they are one fewer than the ages."""
    return layer.kernel.shape[0] < len(AGES)


def _backbone_rows(base):
    # "inception 35 x 35 (mixed 0-2)" is what a stage is called, but 35 x 35 holds for 299 x 299 images only
    rows = []
    for name, members in stages_of(base).items():
        name, count = re.sub(r" \d+ x \d+", "", name), sum(isinstance(one, layers.Conv2D) for one in members)
        words = {"name": name, "kind": "backbone", "detail": f"{count} convolution{'s' if count > 1 else ''}"}
        rows.append({**_row(name, "shared", members), **words})
    return rows
