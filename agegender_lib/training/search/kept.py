"""A finished search as one JSON file, beside the report: no database is needed to show it again."""

import json
from pathlib import Path

import optuna
from optuna.trial import TrialState

from agegender_lib import folders
from agegender_lib.data import FaceSet
from agegender_lib.errors import InputError
from agegender_lib.files import write_json

from .run import run_search
from .space import read_space, space_file
from .study import agree, database_file, load_search

KEPT = folders.REPORT / "results" / "search" / "study.json"
# who trained it, and when, is no part of what a search found
_LEFT_OUT = ("worker", "seconds")


def search_or_kept(
    faces: FaceSet,
    space: str | Path,
    trials: int,
    train_missing: bool = True,
    runs: str | Path = folders.RUNS,
    kept: Path = KEPT,
) -> optuna.Study:
    """The kept search of this space and these faces, or one that is run now.

    Parameters
    ----------
    faces : FaceSet
    space : str or Path
        A file, or the name of one in `notebooks/studies/`, which is also the study's.
    trials : int
        See :func:`agegender_lib.training.search.run_search`.
    train_missing : bool
        False trains nothing: what was not searched has no trials.
    runs : str or Path
    kept : Path
        File of :func:`write_search`.

    Raises
    ------
    InputError
        If the space or the kept file cannot be read.
    """
    name, wanted = space_file(space).stem, read_space(space)
    searched = database_file(name, Path(runs)).is_file()
    if train_missing and (searched or not kept.is_file()):
        return run_search(faces, wanted, name, trials=trials, runs=runs)
    study = load_search(name, runs=runs) if searched else read_search(kept, name)
    try:
        agree(study, wanted, faces, "pretrained")
    except InputError:
        # the search that is there is another one
        if train_missing:
            return run_search(faces, wanted, name, trials=trials, runs=runs)
        return optuna.create_study(study_name=name)
    return study


def write_search(study: optuna.Study, path: Path) -> None:
    """Write a study's ended trials as JSON, equal studies as equal bytes."""
    ended = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    trials = [
        {
            "number": trial.number,
            "state": trial.state.name,
            "value": trial.value,
            "params": trial.params,
            "distributions": {
                name: json.loads(optuna.distributions.distribution_to_json(drawn))
                for name, drawn in trial.distributions.items()
            },
            "epochs": {str(step): value for step, value in sorted(trial.intermediate_values.items())},
            "attributes": {key: v for key, v in trial.user_attrs.items() if key not in _LEFT_OUT},
        }
        for trial in ended
    ]
    write_json(path, {"study": study.study_name, "attributes": study.user_attrs, "trials": trials})


def read_search(path: Path, name: str) -> optuna.Study:
    """The study in a file of :func:`write_search`, in memory; one without trials where there is no such file.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(study_name=name)
    if not path.is_file():
        return study
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        for key, value in content["attributes"].items():
            study.set_user_attr(key, value)
        for trial in content["trials"]:
            study.add_trial(
                optuna.create_trial(
                    state=TrialState[trial["state"]],
                    value=trial["value"],
                    params=trial["params"],
                    distributions={
                        name: optuna.distributions.json_to_distribution(json.dumps(drawn))
                        for name, drawn in trial["distributions"].items()
                    },
                    intermediate_values={int(step): value for step, value in trial["epochs"].items()},
                    user_attrs=trial["attributes"],
                )
            )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"the kept search {path} cannot be read ({error}): delete it, or search again"
        ) from None
    return study
