"""Where a network's feature maps lie on the picture, and where its last large ones are.

A feature map of 6 x 6 places enlarged as if each were a sixth of the picture is off by ten pixels and more: strides
without padding draw the places together, and strides with padding on one side only shift them. So the centre of
every place's receptive field is followed through the layers (Araujo, Norris & Sim 2019,
doi.org/10.23915/distill.00021, eq. 3 and 4).
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
import numpy as np
from keras import layers, tree

#: Feature maps with fewer places than this in a row are too coarse to show where something lies.
FEWEST = 5
_WINDOWS = (layers.Conv2D, layers.DepthwiseConv2D, layers.MaxPooling2D, layers.AveragePooling2D)


@dataclass(frozen=True)
class Places:
    """Centres of the places of a feature map, in pixels of the input: ``offset + scale * index``, rows and columns.

    Attributes
    ----------
    scale, offset : (float, float)
    mirrored : bool
        The network saw the picture's mirror image; columns count from the right.
    """

    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)
    mirrored: bool = False

    def after(self, starts: tuple[float, float], strides: tuple[float, float]) -> "Places":
        """Of a map whose place ``i`` is read around index ``starts + strides * i`` of this one."""
        offset = tuple(o + s * start for o, s, start in zip(self.offset, self.scale, starts, strict=True))
        return replace(
            self, offset=offset, scale=tuple(s * k for s, k in zip(self.scale, strides, strict=True))
        )

    def on_picture(self, maps: np.ndarray, side: int) -> np.ndarray:
        """Maps [n, h, w] at the picture's size and framing, float32 [n, side, side].

        Linear between the places' centres; beyond the outermost the map goes on as it is there.
        """
        rows, columns = (
            np.stack([np.interp(np.arange(side), offset + scale * np.arange(count), one) for one in np.eye(count)])
            for offset, scale, count in zip(self.offset, self.scale, maps.shape[1:], strict=True)
        )  # fmt: skip
        if self.mirrored:
            columns = columns[:, ::-1]
        return np.matmul(rows.T, maps @ columns).astype("float32")


def follow(model: keras.Model, image, visit: Callable):
    """Call a model layer by layer, those of the models inside it included, and show each call to ``visit``.

    Parameters
    ----------
    model : keras.Model
        Functional, one picture in.
    image : tensor or KerasTensor, float32 [n, 128, 128, 3]
    visit : callable
        ``visit(number, layer, inputs, output)``: how many calls came before, the layer, the tensors it read and what
        it made of them. The first is the image itself, with None for a layer; the order is the same every time.

    Returns
    -------
    nested tensors
        As the model's outputs.
    """
    numbers = itertools.count()
    visit(next(numbers), None, [], image)

    def calling(layer):
        return lambda *args, **kwargs: call(layer, *args, **kwargs)

    def call(layer, *args, **kwargs):
        if isinstance(layer, keras.Model):
            return layer._run_through_graph(args[0], operation_fn=calling)
        output = layer(*args, **kwargs)
        inputs = [x for x in tree.flatten((args, kwargs)) if hasattr(x, "shape")]
        visit(next(numbers), layer, inputs, output)
        return output

    return call(model, image)


def last_large_maps(model: keras.Model) -> dict[int, Places]:
    """The last feature maps of a model that have places to tell apart.

    Every way from the picture to an output leads through exactly one of them last: all after it has fewer than
    ``FEWEST`` places in a row. There are several where the model has members, mirrors the face, sees it at several
    sizes, or shrinks a feature map in branches (Inception).

    Parameters
    ----------
    model : keras.Model
        Functional, one picture in, any outputs.

    Returns
    -------
    dict
        The number of the call that makes the map (see :func:`follow`) to its places.
    """
    calls, places = [], {}

    def visit(number, layer, inputs, output):
        calls.append((inputs, output))
        places[id(output)] = _places(layer, inputs, output, places) if layer is not None else Places()

    outputs = follow(model, keras.Input(model.input_shape[1:]), visit)
    # from the outputs back: what leads to one through small tensors only
    small, found = {id(output) for output in tree.flatten(outputs)}, {}
    for number, (inputs, output) in reversed(list(enumerate(calls))):
        if id(output) not in small:
            continue
        if _large(output):
            found[number] = places[id(output)]
        else:
            small.update(map(id, inputs))
    return dict(sorted(found.items()))


def _large(tensor) -> bool:
    return len(tensor.shape) == 4 and min(tensor.shape[1:3]) >= FEWEST


def _places(layer, inputs, output, known) -> Places | None:
    """The places of what a layer makes of its inputs; None for what has none."""
    if len(output.shape) != 4:
        return None
    spatial = [x for x in inputs if len(x.shape) == 4 and known[id(x)] is not None]
    # an excitation multiplies a map by one number per channel, which lies nowhere
    spatial = [x for x in spatial if max(x.shape[1:3]) > 1] or spatial
    if not spatial:
        return None
    if len(spatial) > 1:
        return _mean([known[id(x)] for x in spatial])
    before, sizes = known[id(spatial[0])], list(zip(spatial[0].shape[1:3], output.shape[1:3], strict=True))
    if layer.name.startswith("mirror_"):  # models.heads.average_flips
        return replace(before, mirrored=before.mirrored != (layer.name == "mirror_reverse"))
    if isinstance(layer, _WINDOWS):
        window = layer.pool_size if hasattr(layer, "pool_size") else layer.kernel_size
        dilation = getattr(layer, "dilation_rate", (1, 1))
        starts = []
        for (size, result), width, stride, step in zip(sizes, window, layer.strides, dilation, strict=True):
            width = (width - 1) * step + 1
            padded = max((result - 1) * stride + width - size, 0) if layer.padding == "same" else 0
            starts.append((width - 1) / 2 - padded // 2)
        return before.after(tuple(starts), tuple(layer.strides))
    if isinstance(layer, layers.ZeroPadding2D):
        return before.after(tuple(-first for first, _ in layer.padding), (1, 1))
    # resized, or left as it is
    ratio = tuple(size / result for size, result in sizes)
    return before.after(tuple(r / 2 - 0.5 for r in ratio), ratio)


def _mean(several: list[Places]) -> Places:
    """Of added or concatenated maps, whose places may differ by half a stride."""
    scale, offset = (
        tuple(np.mean([getattr(one, what) for one in several], axis=0).tolist())
        for what in ("scale", "offset")
    )
    return Places(scale, offset, several[0].mirrored)
