"""Profiles: papermill parameter files that say how large a run of the notebooks is."""

from pathlib import Path
from typing import Any

import papermill

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.files import read_yaml, yaml_file
from agegender_lib.pipeline.report_wording import nearest

#: The parameter that says what a pre-trained model starts from.
WEIGHTS_OF = {"model_b": "weights", "model_f": "weights_f"}


def model_settings(profile: dict[str, Any], model: str) -> dict[str, Any]:
    """What a profile sets of one model's training, as the notebooks put it together."""
    # 0.2 is what the notebooks themselves say
    return {"validation": profile.get("validation", 0.2), **(profile.get(model) or {})}


def notebooks() -> list[Path]:
    """The numbered notebooks, in order."""
    return sorted(folders.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


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
        When there is no such profile, it is no YAML mapping, or no notebook has one of its parameters.
    """
    path = yaml_file(profile, folders.PROFILES)
    if path != Path(profile) and not path.is_file():
        known = [found.stem for found in folders.PROFILES.glob("*.yaml")]
        raise InputError(
            f"there is no profile {str(profile)!r}: {nearest(str(profile), known)}, or give a .yaml file"
        )
    values = read_yaml(path, "profile")
    if not isinstance(values, dict):
        raise InputError(f"the profile {path} is not made of `parameter: value` lines: write it that way")
    known = set().union(*(declared(notebook) for notebook in notebooks()))
    for name in values:
        if name not in known:
            raise InputError(
                f"the profile {path} sets {name!r}, which no notebook knows: {nearest(str(name), known)}"
            )
    return values
