"""The main job: every notebook, then the report, and nothing in `report/` touched before all of it is there."""

import shutil
from pathlib import Path
from typing import Any

import yaml
from tqdm import tqdm

from agegender_lib import folders
from agegender_lib.data import open_faces, split_faces
from agegender_lib.errors import InputError
from agegender_lib.files import check_writable, clear_left_over, copy_file, replacing
from agegender_lib.lock import alone
from agegender_lib.pipeline.execute import execute
from agegender_lib.pipeline.export.exporter import export_report
from agegender_lib.pipeline.made_from import PROFILE, check_one_report, parameters_used, record
from agegender_lib.pipeline.model_card import write_cards
from agegender_lib.pipeline.profiles import WEIGHTS_OF, model_settings, notebooks, read_profile
from agegender_lib.pipeline.publish import GENERATED, finish_publishing, publish
from agegender_lib.pipeline.readme import is_rendered, with_headline

SOURCES = ("report.ipynb", "references.bib")


def make_report(
    data: str | Path = "",
    profile: str | Path = "quick",
    weights: str | Path | None = None,
    weights_f: str | Path | None = None,
    output: str | Path = folders.REPORT,
) -> Path:
    """Run all notebooks and export the report.

    Everything gathers in `build/report/` and moves to `output` at the end, so that a run that fails or is killed
    leaves the previous report whole; one that was killed while it moved is completed by the next call. Trainings that
    are finished already are not repeated, and a killed one goes on from its last epoch.

    Parameters
    ----------
    data : str or Path
        Faces to use, see `agegender_lib.data.load_faces`; empty for drawn ones.
    profile : str or Path
        See `read_profile`.
    weights, weights_f : str or Path, optional
        ModelB's and ModelF's pre-trained weights, instead of those the profile names: "pretrained", "none", or a
        file. Where neither says anything: "pretrained", but "none" for drawn faces.
    output : str or Path
        The report folder.

    Returns
    -------
    Path
        The PDF.

    Raises
    ------
    InputError
        When something given cannot be used, or a folder cannot be written, which is found before the first training;
        see also `execute`.
    Busy
        An InputError: while another process makes a report here.
    """
    values = read_profile(profile)
    if str(data):
        values["data"] = str(Path(data).expanduser().resolve())
    # nothing is downloaded for drawn faces, unless somebody asks for it
    default = "pretrained" if values.get("data") else "none"
    for parameter, given in (("weights", weights), ("weights_f", weights_f)):
        values[parameter] = _located(given if given is not None else values.get(parameter, default))
    output = Path(output)
    for folder in (output, folders.BUILD, folders.RUNS, folders.CACHE):
        check_writable(
            folder, "allow writing there" + (", or give another --output" if folder == output else "")
        )
    _check_early(values)
    with _alone(folders.BUILD), _alone(output):
        finish_publishing(output)
        return _made(values, output, Path(profile).stem)


def _made(values, output, profile):
    """Run the notebooks, export and publish."""
    staging = folders.BUILD / "report"
    for name in (*GENERATED, "models"):
        shutil.rmtree(staging / name, ignore_errors=True)
    clear_left_over(staging)
    # as it is now, whatever somebody writes into its file before the last notebook
    frozen = staging / "profile.yaml"
    with replacing(frozen) as temporary:
        temporary.write_text(yaml.safe_dump(values), encoding="utf-8")
    record(staging / "results", PROFILE, profile, parameters_used(values), {})
    values |= {"output": str(staging), "profile": str(frozen)}
    todo = notebooks()
    for number, notebook in enumerate(todo, start=1):
        tqdm.write(f"[{number}/{len(todo) + 1}] {notebook.name}")
        execute(notebook, values)
        check_one_report(staging / "results")
    tqdm.write(f"[{len(todo) + 1}/{len(todo) + 1}] report.pdf")
    pdf = _export(staging)
    published = publish(pdf.parent, output)
    results = output / "results"
    if output.resolve() == folders.REPORT and not is_rendered(results):
        readme = folders.ROOT / "README.md"
        text = with_headline(readme.read_text(encoding="utf-8"), results)
        with replacing(readme) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return published


def export(folder: Path = folders.REPORT) -> Path:
    """Set the report's PDF, model card and data sheet from what is in `folder`; returns the PDF's path.

    Raises
    ------
    InputError
        When a result is missing, or the report would have a hole, see `export_report`.
    Busy
        An InputError: while another process makes a report there.
    """
    folder = Path(folder)
    check_writable(folder, "allow writing there, or give another --output")
    with _alone(folder):
        return _export(folder)


def _export(folder):
    finish_publishing(folder)
    check_one_report(folder / "results")
    if folder.resolve() != folders.REPORT:
        for name in SOURCES:
            copy_file(folders.REPORT / name, folder / name)
    write_cards(folder)
    return export_report(folder / "report.ipynb", folder / "report.pdf")


def _alone(folder):
    """One report at a time in a folder."""
    return alone(folder / ".report.lock", f"a report in {folder}")


def _check_early(values: dict[str, Any]) -> None:
    """Refuse what would otherwise be refused after an hour of training."""
    faces = open_faces(values.get("data", ""), values["rendered_faces"])
    # these import Keras, which takes seconds
    from agegender_lib.training import build_network, configure
    from agegender_lib.training.config import DEFAULTS

    for model in DEFAULTS:
        config = configure(model, **model_settings(values, model))
        split_faces(faces.table, config.split_seed, config.validation)
        # weights that cannot be had, or do not fit, are found here
        build_network(config, values.get(WEIGHTS_OF.get(model), "none"))


def _located(weights: str) -> str:
    """A weights file by its full path, because notebooks run in another folder."""
    from agegender_lib.training.network import WEIGHTS

    if str(weights) in WEIGHTS:
        return str(weights)
    path = Path(weights).expanduser().resolve()
    if not path.is_file():
        raise InputError(
            f"no weights file at {path}: give a Keras .weights.h5 file, or one of {', '.join(WEIGHTS)}"
        )
    return str(path)
