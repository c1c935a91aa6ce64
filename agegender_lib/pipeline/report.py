"""The main job: every notebook, then the report, and nothing in `report/` touched before all of it is there."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from agegender_lib import folders
from agegender_lib.data import FaceSet, given_split, load_dataset, split_faces
from agegender_lib.data.sources import resolved
from agegender_lib.errors import InputError
from agegender_lib.files import check_writable, clear_left_over, copy_file, replacing, sha256_of
from agegender_lib.lock import alone
from agegender_lib.photos import DEFAULT_MODEL
from agegender_lib.pipeline.chapters import DONE, chapter_keys, done_before, run_chapters
from agegender_lib.pipeline.export.exporter import export_report
from agegender_lib.pipeline.export.figures import write_figure_page
from agegender_lib.pipeline.model_card import write_cards
from agegender_lib.pipeline.publish import GENERATED, finish_publishing, publish
from agegender_lib.pipeline.readme import ELSEWHERE, is_rendered, with_headline
from agegender_lib.reporting.made_from import PROFILE, check_one_report, parameters_used, record
from agegender_lib.reporting.profiles import COURSEWORK, QUICK, WEIGHTS_OF, model_settings, read_profile
from agegender_lib.runs import published_runs, read_json

#: Where a report gathers, in the build folder, before it moves into its own.
STAGING = "chapters"
SOURCES = ("report.ipynb", "references.bib")


@dataclass(frozen=True)
class Report:
    """What :func:`make_report` made, with the name of its profile."""

    pdf: Path
    profile: str
    synthetic: bool


def make_report(
    data: str | Path = "",
    profile: str | Path | None = None,
    weights: str | Path | None = None,
    weights_f: str | Path | None = None,
    output: str | Path | None = None,
    retrain: bool = False,
) -> Report:
    """Run all notebooks and export the report.

    Everything gathers in `build/chapters/` and moves to `output` at the end, so that a run that fails or is killed
    leaves the previous report whole. Runs that are finished already, or published with the repository, are not
    repeated; a killed one resumes, and chapters whose outcome cannot have changed are not executed again.

    Parameters
    ----------
    data : str or Path
        Faces to use, see `agegender_lib.data.load_faces`; empty for drawn ones.
    profile : str or Path, optional
        See `read_profile`. Left out: "coursework" for the published models' faces, "quick" for others.
    weights, weights_f : str or Path, optional
        Pre-trained weights instead of those the profile names: "pretrained", "published", "none", or a file.
    output : str or Path, optional
        The report folder. Left out: `report` for real faces with the profile "coursework", `build/report` otherwise.
    retrain : bool
        Train also what the repository publishes.

    Raises
    ------
    InputError
        When something given cannot be used, which is found before the first training, or, as Busy, while another
        process makes a report here.
    """
    for folder in (folders.BUILD, folders.RUNS, folders.CACHE):
        check_writable(folder, "allow writing there")
    if output is not None:
        check_writable(Path(output), "allow writing there, or give another --output")
    faces, profile = _faces_and_profile(data, profile)
    name, real = Path(profile).stem, not faces.synthetic and profile == COURSEWORK
    if output is None:
        output = folders.REPORT if real else folders.BUILD / "report"
        check_writable(output, "allow writing there, or give another --output")
    output, values = Path(output), read_profile(profile)
    if str(data):
        values["data"] = resolved(str(data))
    from agegender_lib.models.weights import located  # imports Keras, which takes seconds

    for parameter, given in (("weights", weights), ("weights_f", weights_f)):
        values[parameter] = located(given if given is not None else values[parameter])
    if real and "published" in (values["weights"], values["weights_f"]):
        raise InputError(
            "the published models were trained on UTKFace's photographs, and a report that begins from them would "
            f"flatter itself: give other weights with the profile {COURSEWORK}"
        )
    values["retrain"] = retrain
    keys = chapter_keys(values, faces.fingerprint)
    if done_before(folders.BUILD / STAGING, keys) != keys:
        # the quick profile as it is shipped builds: a newcomer does not wait for proof
        _check_early(values, faces, build=profile != QUICK or weights is not None or weights_f is not None)
    with _alone(folders.BUILD), _alone(output):
        finish_publishing(output)
        return Report(_made(values, keys, output, name), name, faces.synthetic)


def _faces_and_profile(data: str | Path, profile: str | Path | None) -> tuple[FaceSet, str | Path]:
    """The faces, and the profile that fits them where none is named."""
    values = read_profile(profile or QUICK)
    faces = load_dataset(data or values.get("data", ""), values["synthetic_faces"])
    if profile is None:
        known = published_runs(faces, folders.REPORT)
        profile = COURSEWORK if known else QUICK
        if known:
            print(f"these are the faces that the published models were trained on: the profile is {profile}")
    return faces, profile


def _made(values: dict[str, Any], keys: dict[str, str], output: Path, profile: str) -> Path:
    """Run the notebooks, export and publish."""
    staging = folders.BUILD / STAGING
    if done_before(staging, keys) is None:
        for name in (*GENERATED, "models"):
            shutil.rmtree(staging / name, ignore_errors=True)
        (staging / DONE).unlink(missing_ok=True)
    clear_left_over(staging)
    # as it is now, whatever somebody writes into its file before the last notebook
    frozen = staging / "profile.yaml"
    with replacing(frozen) as temporary:
        temporary.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    record(staging / "results", PROFILE, profile, parameters_used(values), {})
    run_chapters(
        values | {"output": str(staging), "profile": str(frozen)},
        keys,
        staging,
        lambda: check_one_report(staging / "results"),
        # their times are part of a report that is read for them
        alone=profile != QUICK,
    )
    pdf = _export(staging, output)
    published = publish(pdf.parent, output)
    results = output / "results"
    if output.resolve() == folders.REPORT and not is_rendered(results):
        readme = folders.ROOT / "README.md"
        text = with_headline(readme.read_text(encoding="utf-8"), results)
        with replacing(readme) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return published


def export(folder: Path = folders.REPORT) -> Path:
    """Set the report's PDF, cards and page of figures from what is in `folder`, complete; returns the PDF's path."""
    folder = Path(folder)
    check_writable(folder, "allow writing there, or give another --output")
    with _alone(folder):
        return _export(folder, folder)


def _export(folder, output):
    finish_publishing(folder)
    check_one_report(folder / "results")
    if folder.resolve() != folders.REPORT:
        for name in SOURCES:
            copy_file(folders.REPORT / name, folder / name)
        _keep_elsewhere(folder)
    write_cards(folder)
    write_figure_page(folder, output)
    return export_report(folder / "report.ipynb", folder / "report.pdf")


def _keep_elsewhere(folder):
    """Take over what was found of the published models on other faces, as long as these are the same models."""
    for name in ELSEWHERE:
        known = folders.REPORT / "results" / f"{name}.json"
        # what this report measured itself stays
        there = known.is_file() and not (folder / "results" / known.name).exists()
        judged = read_json(known)["models"] if there else []
        files = [_model(folder, Path(one["file"]).name) for one in judged]
        if files and all(
            file.is_file() and sha256_of(file) == one["sha256"] for file, one in zip(files, judged, strict=True)
        ):
            for place in ("results", "figures"):
                for file in (folders.REPORT / place).glob(f"{name}*"):
                    copy_file(file, folder / place / file.name)


def _model(folder, name):
    """A model of this report; or ModelP, which no report makes."""
    return (folders.MODELS if name == DEFAULT_MODEL.name else folder / "models") / name


def _alone(folder):
    """One report at a time in a folder."""
    return alone(folder / ".report.lock", f"a report in {folder}")


def _check_early(values: dict[str, Any], faces: FaceSet, build: bool) -> None:
    """Refuse what would otherwise be refused after an hour of training; with ``build``, by building the networks.

    Then it also says how long the trainings will take.
    """
    # these import Keras, which takes seconds
    from agegender_lib.models.backend import processor
    from agegender_lib.runs import finished
    from agegender_lib.training import build_network, configure
    from agegender_lib.training.identity import run_name
    from agegender_lib.training.published import expected_seconds, find_published, machine_speed

    print(f"computing on {processor()}", flush=True)
    if said := given_split(faces.table)[1]:
        print(said, flush=True)
    times: dict[str, float | None] = {}
    for model in ("model_a", *WEIGHTS_OF):
        config = configure(model, **model_settings(values, model))
        split = split_faces(faces.table, config.split_seed, config.validation_size)
        weights = values.get(WEIGHTS_OF.get(model), "none")
        if build and (values["retrain"] or find_published(config, faces, weights) is None):
            # weights that cannot be had, or do not fit, are found here
            build_network(config, weights)
            if not finished(folders.RUNS / run_name(config, faces, weights)):
                times[f"Model{model[-1].upper()}"] = expected_seconds(config, len(faces), int((split == "train").sum()))
    if known := {model: seconds for model, seconds in times.items() if seconds}:
        hours = sum(known.values()) / machine_speed() / 3600
        print(
            f"training {', '.join(known)} will take about {hours:.1f} hours on this machine, by what the published "
            "trainings took per face and epoch; a killed report goes on where it was",
            flush=True,
        )
