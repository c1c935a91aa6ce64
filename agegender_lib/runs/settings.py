"""Settings under their present names: run folders, studies and profiles may have those of their time."""

from typing import Any

from agegender_lib.errors import InputError

#: Former name of a setting to its present one.
PRESENT = {
    "builder": "architecture",
    "depth_decay": "layer_decay",
    "detour_faces": "end_to_end_faces",
    "early_stopping": "patience",
    "flip_averaging": "test_time_augmentation",
    "members": "ensemble_size",
    "on_features": "cached_features",
    "rendered_faces": "synthetic_faces",
    "side": "image_size",
    "training_faces": "train_size",
    "validation": "validation_size",
    "weight_bits": "significand_bits",
}
_FORMER = {present: former for former, present in PRESENT.items()}


def with_present_names(settings: Any) -> Any:
    """Settings as JSON or YAML hold them, with the present name of each, however deep it lies.

    >>> with_present_names({"members": 2, "builder": {"side": 64}})
    {'ensemble_size': 2, 'architecture': {'image_size': 64}}
    """
    return _renamed(settings, PRESENT)


def with_former_names(settings: Any) -> Any:
    """The inverse: names of run folders are hashes of settings under these names."""
    return _renamed(settings, _FORMER)


def _renamed(settings: Any, names: dict[str, str]) -> Any:
    if isinstance(settings, (list, tuple)):
        return type(settings)(_renamed(each, names) for each in settings)
    if not isinstance(settings, dict):
        return settings
    for former, present in names.items():
        if former in settings and present in settings:
            raise InputError(f"{former} and {present} are one setting: give it once")
    return {names.get(key, key): _renamed(value, names) for key, value in settings.items()}
