"""What each notebook of a report used. A report is made from one set of faces, one split and one profile."""

import math
from pathlib import Path, PurePath
from typing import Any

from IPython import get_ipython

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.files import write_json
from agegender_lib.lock import alone
from agegender_lib.reporting.profiles import QUICK, parameters_of, read_profile
from agegender_lib.runs import MADE_FROM, read_json

#: Stands beside the notebooks for the profile that all of them were executed with.
PROFILE = "the profile"
# Where faces lie and results go may differ; which faces they were does not show in a path. A training is the same
# whether it was found or made.
_NOT_USED = ("data", "output", "profile", "retrain")


def record(results: Path, chapter: str, made_from: str, used: dict[str, Any], runs: dict[str, str]) -> None:
    """Keep what a notebook used, and the names of the runs it made by model, instead of what it used before."""
    path = results / MADE_FROM
    # notebooks that run at the same time write into it
    with alone(path.with_name(f".{MADE_FROM}.lock"), f"{path}", math.inf):
        before = read_json(path) if path.is_file() else {"chapters": {}}
        chapters = before["chapters"] | {chapter: {"data": made_from, "used": used, "runs": runs}}
        # a profile says nothing of the faces that the notebooks before it were made from
        faces = before.get("made_from", made_from) if chapter == PROFILE else made_from
        write_json(path, {"made_from": faces, "chapters": dict(sorted(chapters.items()))})


def parameters_used(values: dict[str, Any]) -> dict[str, Any]:
    """Parameters as things that a notebook used: those of its profile, and its own instead or laid over them."""
    used = dict(read_profile(values["profile"])) if values.get("profile") else {}
    for name, value in values.items():
        if value == "":  # left to the profile, or to the quick one where a notebook knows none
            value = read_profile(values.get("profile") or QUICK).get(name, value)
        laid = isinstance(value, dict) and isinstance(used.get(name), dict)
        used[name] = used[name] | value if laid else value
    # of a file its name says enough, and a folder of somebody's has no place in a report
    return {
        name: PurePath(value).name if isinstance(value, str) else value
        for name, value in used.items()
        if name not in _NOT_USED
    }


def parameters_now(chapter: str) -> dict[str, Any]:
    """The values that a running notebook's parameters have at this moment; none outside of a notebook."""
    shell, notebook = get_ipython(), folders.NOTEBOOKS / f"{chapter}.ipynb"
    if shell is None or not notebook.is_file():
        return {}
    return {name: shell.user_ns[name] for name in parameters_of(notebook) if name in shell.user_ns}


def check_one_report(results: Path) -> None:
    """Refuse results of notebooks that used other faces, another split or another value of a parameter that both know.

    Runs of a study may hold out other faces than the models do (folds, say): they are not what is compared.
    """
    path = results / MADE_FROM
    if not path.is_file():
        raise InputError(f"{results} does not say from which faces it was made: run the notebooks again")
    first: dict[str, tuple[str, Any]] = {}
    for chapter, entry in read_json(path)["chapters"].items():
        told = f"{chapter} ({entry['data']})"
        for thing, value in entry["used"].items():
            other, before = first.setdefault(thing, (told, value))
            if value != before:
                raise InputError(
                    f"the notebooks of a report belong together, but {thing} is {before!r} in {other} and "
                    f"{value!r} in {told}: run both with the same data and profile"
                )
