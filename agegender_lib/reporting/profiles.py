"""Notebooks' parameters, and profiles: papermill parameter files that say how large a run of the notebooks is."""

import ast
import os
from pathlib import Path
from typing import Any

import nbformat

from agegender_lib import folders
from agegender_lib.errors import InputError, nearest
from agegender_lib.files import read_yaml, yaml_file
from agegender_lib.runs.settings import with_present_names

TAG = "parameters"
#: Stands for the value of a parameter that only running the cell tells.
UNKNOWN = ...
#: The profile of who names none, and of what another leaves out.
QUICK = "quick"
#: The profile of the published report.
COURSEWORK = "coursework"
#: The parameter that says what a pre-trained model starts from.
WEIGHTS_OF = {"model_b": "weights", "model_f": "weights_f"}


def model_settings(
    profile: str | Path | dict[str, Any], model: str, changes: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The settings of one model's training: a profile's, and what is laid over them.

    Parameters
    ----------
    profile : str, Path or dict
        What :func:`read_profile` takes, or returned.
    model : {"model_a", "model_b", "model_f", "model_p"}
        Which no settings may set: an InputError. ModelP is no part of the report, and holds out what itself says.
    changes : dict, optional
        Settings instead of the profile's.
    """
    values = profile if isinstance(profile, dict) else read_profile(profile)
    own = (values.get(model) or {}) | (changes or {})
    if "model" in own:
        raise InputError(f"the profile sets model in the settings of {model}: a model stays what it is, leave it out")
    shared = () if model == "model_p" else ("validation_size", "split_seed")
    return {name: values[name] for name in shared if name in values} | own


def weights_for(model: str, given: str | Path = "", profile: str | Path = QUICK) -> str | Path:
    """What a pre-trained model starts from: what is given, or else what the profile says."""
    return given or read_profile(profile)[WEIGHTS_OF[model]]


def notebooks() -> list[Path]:
    """The numbered notebooks, in order."""
    return sorted(folders.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


#: What a parameter is, by the kind of its value in the notebooks.
_KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", dict: "a mapping"}


def read_profile(profile: str | Path = QUICK) -> dict[str, Any]:
    """The parameters of a profile; what it leaves out is the quick one's.

    It is a name, such as "quick", of a file in `notebooks/profiles/`, or the path of a YAML file. An InputError when
    there is none, or it has a parameter that no notebook has, or a value of another kind than theirs.
    """
    path = yaml_file(profile, folders.PROFILES)
    if path != Path(profile) and not os.path.isfile(path):  # false, too, of a name that is too long
        known = [found.stem for found in folders.PROFILES.glob("*.yaml")]
        raise InputError(
            f"there is no profile {str(profile)[:60]!r}: {nearest(str(profile), known)}, or give a .yaml file"
        )
    values, quick = _checked(path), folders.PROFILES / f"{QUICK}.yaml"
    return values if path.resolve() == quick else _checked(quick) | values


def _checked(path: Path) -> dict[str, Any]:
    """What a profile's file says, if the notebooks know it."""
    values = with_present_names(read_yaml(path, "profile"))
    if not isinstance(values, dict):
        raise InputError(f"the profile {path} is not made of `parameter: value` lines: write it that way")
    defaults = _defaults()
    for name, value in values.items():
        if name not in defaults:
            raise InputError(
                f"the profile {path} sets {_brief(name)}, which no notebook knows: {nearest(str(name)[:60], defaults)}"
            )
        if defaults[name] is not UNKNOWN:
            _check_kind(path, name, value, type(defaults[name]))
    return values


def _defaults() -> dict[str, Any]:
    """Every notebook's parameters but the one that names a profile, with the values that can be told."""
    defaults: dict[str, Any] = {}
    for name, value in (item for notebook in notebooks() for item in parameters_of(notebook).items()):
        if value is not UNKNOWN or name not in defaults:
            defaults[name] = value
    defaults.pop("profile", None)
    return defaults


def _check_kind(path: Path, name: str, value: Any, kind: type) -> None:
    kinds = (int, float) if kind is float else kind
    # the settings of a model may be left empty, and true is a number only for Python
    fits = (value is None and kind is dict) or (isinstance(value, kinds) and isinstance(value, bool) == (kind is bool))
    if not fits:
        raise InputError(f"the profile {path} sets {name} to {_brief(value)}: give {_KINDS.get(kind, kind.__name__)}")


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def parameters_of(notebook: Path) -> dict[str, Any]:
    """The parameters of a notebook, read as Python, where papermill reads line by line and loses names.

    Values are those of literals, and :data:`UNKNOWN` for others. An InputError names the line of what is not Python.
    """
    try:
        cells = nbformat.read(notebook, as_version=4).cells
    except (OSError, ValueError) as error:
        raise InputError(f"the notebook {notebook} cannot be read ({error}): fix it") from error
    tagged = [cell.source for cell in cells if TAG in cell.metadata.get("tags", ())]
    if len(tagged) != 1:
        raise InputError(
            f"{notebook} has {len(tagged)} cells with the tag {TAG!r}: give it to the one that holds its parameters"
        )
    try:
        statements = ast.parse(tagged[0]).body
    except SyntaxError as error:
        raise InputError(
            f"{notebook}, line {error.lineno} of its cell of parameters, is not Python ({error.msg}): "
            f"{(error.text or '').strip()[:80]!r}"
        ) from None
    return {name: value for statement in statements for name, value in _assigned(statement)}


def _assigned(statement: ast.stmt) -> list[tuple[str, Any]]:
    names = [node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    value: Any = UNKNOWN
    targets = getattr(statement, "targets", [getattr(statement, "target", None)])
    if isinstance(statement, ast.Assign | ast.AnnAssign) and all(isinstance(t, ast.Name) for t in targets):
        try:
            value = ast.literal_eval(statement.value)
        except (ValueError, TypeError):  # an expression, or a name without a value
            pass
    return [(name, value) for name in names]
