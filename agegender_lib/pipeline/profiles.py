"""Profiles: papermill parameter files that say how large a run of the notebooks is."""

from pathlib import Path
from typing import Any

import papermill
import yaml

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.pipeline.report_wording import nearest


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
    path = Path(profile)
    if path.suffix not in (".yaml", ".yml"):
        path = folders.PROFILES / f"{profile}.yaml"
        known = [found.stem for found in folders.PROFILES.glob("*.yaml")]
        if not path.is_file():
            raise InputError(
                f"there is no profile {str(profile)!r}: {nearest(str(profile), known)}, or give a .yaml file"
            )
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        raise InputError(f"the profile {path} cannot be read ({problem}): mend it") from None
    if not isinstance(values, dict):
        raise InputError(f"the profile {path} is not made of `parameter: value` lines: write it that way")
    known = set().union(*(declared(notebook) for notebook in notebooks()))
    for name in values:
        if name not in known:
            raise InputError(
                f"the profile {path} sets {name!r}, which no notebook knows: {nearest(str(name), known)}"
            )
    return values
