"""Profiles: papermill parameter files that say how large a run of the notebooks is."""

import ast
from pathlib import Path
from typing import Any

import papermill

from agegender_lib import folders
from agegender_lib.errors import InputError, nearest
from agegender_lib.files import read_yaml, yaml_file

#: The parameter that says what a pre-trained model starts from.
WEIGHTS_OF = {"model_b": "weights", "model_f": "weights_f"}


def model_settings(profile: dict[str, Any], model: str) -> dict[str, Any]:
    """What a profile sets of one model's training, as the notebooks put it together.

    Raises
    ------
    InputError
        When it sets the model itself.
    """
    own = profile.get(model) or {}
    if "model" in own:
        raise InputError(
            f"the profile sets model in the settings of {model}: a model stays what it is, leave it out"
        )
    # 0.2 is what the notebooks themselves say
    return {"validation": profile.get("validation", 0.2), **own}


def notebooks() -> list[Path]:
    """The numbered notebooks, in order."""
    return sorted(folders.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


#: What a parameter is, by the kind of its value in the notebooks.
_KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", dict: "a mapping"}


def declared(notebook: Path) -> set[str]:
    """Names of the parameters in a notebook's `parameters` cell."""
    return set(papermill.inspect_notebook(str(notebook)))


def read_profile(profile: str | Path) -> dict[str, Any]:
    """The parameters of a profile.

    Parameters
    ----------
    profile : str or Path
        A name, such as "quick", of a file in `notebooks/profiles/`, or the path of a YAML file.

    Raises
    ------
    InputError
        When there is no such profile, it is no YAML mapping, no notebook has one of its parameters, or a value is of
        another kind than the notebooks'.
    """
    path = yaml_file(profile, folders.PROFILES)
    if path != Path(profile) and not _is_file(path):
        known = [found.stem for found in folders.PROFILES.glob("*.yaml")]
        raise InputError(
            f"there is no profile {str(profile)[:60]!r}: {nearest(str(profile), known)}, or give a .yaml file"
        )
    values = read_yaml(path, "profile")
    if not isinstance(values, dict):
        raise InputError(f"the profile {path} is not made of `parameter: value` lines: write it that way")
    defaults = {name: value for notebook in notebooks() for name, value in _defaults(notebook).items()}
    for name, value in values.items():
        if name not in defaults:
            raise InputError(
                f"the profile {path} sets {_brief(name)}, which no notebook knows: {nearest(str(name)[:60], defaults)}"
            )
        _check_kind(path, name, value, type(defaults[name]))
    return values


def _defaults(notebook: Path) -> dict[str, Any]:
    found = papermill.inspect_notebook(str(notebook))
    return {name: ast.literal_eval(item["default"]) for name, item in found.items()}


def _check_kind(path: Path, name: str, value: Any, kind: type) -> None:
    kinds = (int, float) if kind is float else kind
    # the settings of a model may be left empty, and true is a number only for Python
    fits = (value is None and kind is dict) or (
        isinstance(value, kinds) and isinstance(value, bool) == (kind is bool)
    )
    if not fits:
        raise InputError(f"the profile {path} sets {name} to {_brief(value)}: give {_KINDS[kind]}")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
