"""Which runs there are to look at, and where their model files lie."""

from collections.abc import Sequence
from pathlib import Path

from agegender_lib import folders
from agegender_lib.data import FaceSet
from agegender_lib.errors import InputError
from agegender_lib.runs.folder import CONFIG, METRICS, MODEL, check_run, read_json

#: In a report's results: what each notebook used, and which runs it made.
MADE_FROM = "made_from.json"


def find_runs(faces: FaceSet, report: str | Path = folders.REPORT, named: Sequence[str | Path] = ()) -> dict[str, Path]:
    """Finished runs of these very faces, the first of these that there are:

    1. the run folders that are named (an InputError if one holds no finished training of these faces),
    2. those that chapters 2 and 3 trained, for ``report`` or for the committed report,
    3. the runs kept in ``results/runs/`` of ``report`` or of the committed report.

    Parameters
    ----------
    faces : FaceSet
    report : str or Path
        A report folder, such as ``ReportFolder.folder``.
    named : sequence of str or Path
        Run folders.

    Returns
    -------
    dict
        Model name, such as "ModelA", to run folder; empty where nothing was trained on these faces yet.
    """
    if named:
        cure = "give run folders of these faces, such as runs/model_a-..."
        return _by_model([check_run(Path(folder).expanduser(), faces, cure) for folder in named])
    reports = [Path(report), folders.REPORT]
    for results in (folder / "results" for folder in reports):
        trained = trained_runs(results)
        if trained and all(_trained_on(folder, faces) for folder in trained.values()):
            return trained
    kept = next(filter(None, (published_runs(faces, folder) for folder in reports)), [])
    return _by_model(kept)


def published_runs(faces: FaceSet, report: Path = folders.REPORT) -> list[Path]:
    """The runs of these very faces that are kept in a report's ``results/runs/``."""
    kept = [path.parent for path in sorted((report / "results" / "runs").glob(f"*/{METRICS}"))]
    return [folder for folder in kept if _trained_on(folder, faces)]


def model_file(folder: str | Path) -> Path | None:
    """The model of a run folder, or of a training kept in a report's ``results/runs/``; None where it is not kept."""
    folder = Path(folder)
    found = [folder / MODEL]
    if folder.parent.name == "runs" and folder.parent.parent.name == "results":
        name = f"age_gender_{folder.name.removeprefix('model_').upper()}.keras"
        found.append(folder.parents[2] / "models" / name)
    return next((path for path in found if path.is_file()), None)


def model_name(folder: Path) -> str:
    """ "ModelA" of a run folder of a ``model_a``; the folder's own name where its settings cannot be read."""
    training = _read(folder / CONFIG).get("training")
    model = training.get("model") if isinstance(training, dict) else None
    return f"Model{model.removeprefix('model_').upper()}" if isinstance(model, str) else folder.name


def _by_model(run_folders: list[Path]) -> dict[str, Path]:
    names = [model_name(folder) for folder in run_folders]
    # two of one model are told apart by the end of their folders' names
    names = [
        f"{name} {folder.name.rpartition('-')[2]}" if names.count(name) > 1 else name
        for name, folder in zip(names, run_folders, strict=True)
    ]
    return dict(zip(names, run_folders, strict=True))


def trained_runs(results: Path) -> dict[str, Path]:
    """The run folders that chapters 2 and 3 trained for a report, by model; none where it says nothing of them."""
    chapters = _read(results / MADE_FROM).get("chapters", {}).values()
    return {name: folders.RUNS / run for chapter in chapters for name, run in chapter.get("runs", {}).items()}


def _trained_on(folder: Path, faces: FaceSet) -> bool:
    try:
        return bool(check_run(folder, faces))
    except InputError:
        return False


def _read(path: Path) -> dict:
    try:
        return read_json(path)
    except InputError:
        return {}
