"""Pre-trained backbones by name, with weights in them, and their stages."""

from pathlib import Path

import keras

from agegender_lib.errors import InputError
from agegender_lib.models.backbone_table import BACKBONES, Backbone
from agegender_lib.models.published_weights import put_published
from agegender_lib.models.vggface2_weights import DownloadFailed
from agegender_lib.models.weights import KNOWN_FILES, download_timeout, file_origin, load_weights, reason

__all__ = ["BACKBONES", "KNOWN_FILES", "Backbone", "build_backbone", "load_weights", "stages_of"]


def build_backbone(
    name: str, weights: str | Path | None = "pretrained", side: int | None = 128
) -> tuple[keras.Model, str]:
    """A backbone without its top, with weights in it, and in words where they came from; reports repeat it.

    ``"pretrained"`` downloads, once, what this backbone is known for: Keras's own ImageNet file into Keras's cache, or
    the face weights into the project's. ``"imagenet"`` is the same where that is ImageNet. ``"published"`` takes the
    backbone of the published model that has it, which has learned ages and genders already. A path reads that Keras
    ``.weights.h5`` file; None or ``"none"`` starts from random weights. ``side`` None leaves the images' size open.
    """
    if name not in BACKBONES:
        raise InputError(f"backbone {name!r} is unknown: choose one of {', '.join(sorted(BACKBONES))}")
    backbone = BACKBONES[name]

    def build(weights=None):
        return backbone.build(include_top=False, weights=weights, input_shape=(side, side, 3))

    if weights is None or str(weights) == "none":
        return _named(build(), name), "random weights, as asked"
    if str(weights) == "imagenet" and backbone.load is not None:
        raise InputError(
            f"{name} is not pre-trained on ImageNet: give 'pretrained' for its own weights, "
            "a Keras .weights.h5 file, or 'none'"
        )
    if str(weights) in ("pretrained", "imagenet"):
        try:
            return _named(_pretrained(backbone, build), name), backbone.origin
        except DownloadFailed as error:
            raise InputError(
                f"the pre-trained weights of {name} cannot be downloaded ({error}): go online, give a Keras "
                ".weights.h5 file, or say 'none' to begin from random weights"
            ) from error
    base = build()
    if str(weights) == "published":
        origin = put_published(base, name)
        return _named(base, name), origin
    path = Path(weights)
    if not path.is_file():
        raise InputError(
            f"no weights file at {path}: give a Keras .weights.h5 file, 'pretrained', 'published' or 'none'"
        )
    load_weights(base, path)
    return _named(base, name), file_origin(path)


def backbone_in(model: keras.Model) -> keras.Model | None:
    """The backbone a model is built on; None for one without."""
    return next((layer for layer in model.layers if isinstance(layer, keras.Model)), None)


def stages_of(base: keras.Model) -> dict[str, list[keras.layers.Layer]]:
    """The layers of each stage of a backbone by its name, from the input upwards; together they are all."""
    backbone = BACKBONES[base.name.removeprefix("shared_")]
    names = [layer.name for layer in base.layers]
    found, start = {}, 0
    for name, last in (*([backbone.stem] if backbone.stem else []), *backbone.stages):
        end = names.index(last) + 1
        found[name], start = base.layers[start:end], end
    return found


def _pretrained(backbone, build):
    if backbone.load is not None:
        base = build()
        backbone.load(base)
        return base
    try:
        with download_timeout():
            return build("imagenet")
    except Exception as error:  # Keras raises a bare Exception when the download fails
        raise DownloadFailed(reason(error)) from error


def _named(base, name):
    base.name = f"shared_{name}"
    return base
