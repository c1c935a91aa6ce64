"""What the command line's verbs do. Keras is imported only by the verbs that need it: it takes seconds."""

from argparse import Namespace
from pathlib import Path

import pandas as pd

from agegender_lib import data
from agegender_lib.errors import InputError
from agegender_lib.files import write_csv
from agegender_lib.pipeline.execute import NotebookFailed

FAULTS = (NotebookFailed,)
_SHOWN = {
    "display.max_rows": None,
    "display.max_columns": None,
    "display.width": 160,
    "display.max_colwidth": 90,
}


def data_check(options: Namespace) -> None:
    """Import faces; print what was found and what was rejected."""
    faces = data.load_faces(options.data)
    table = faces.table
    in_groups = table.loc[table["duplicate_group"] >= 0, "duplicate_group"]
    print(f"{faces.name}: {len(faces):,} faces used, {len(faces.rejected):,} files rejected")
    if faces.rendered:
        print("  drawn stand-in faces, not photographs")
    print(f"  ages {table['age'].min()} to {table['age'].max()} years, median {table['age'].median():.0f}")
    for column, names in (("gender", data.GENDERS), ("race", data.RACES)):
        counts = table[column].value_counts()
        print(
            f"  {column}: " + ", ".join(f"{name} {counts.get(code, 0):,}" for code, name in enumerate(names))
        )
    print(f"  near-duplicates: {len(in_groups):,} faces in {in_groups.nunique():,} groups")
    print(f"  fingerprint {faces.fingerprint}")
    if options.rejected:
        write_csv(Path(options.rejected), faces.rejected)
        print(f"rejected files with their reasons: {options.rejected}")
    elif len(faces.rejected):
        _print(faces.rejected.head(20))
        if len(faces.rejected) > 20:
            print(f"... and {len(faces.rejected) - 20:,} more: give --rejected FILE to keep all of them")


def data_render(options: Namespace) -> None:
    """Draw stand-in faces."""
    folder = data.render_faces(options.folder, options.count, options.seed)
    print(f"{folder}: {options.count:,} drawn faces")


def data_download(options: Namespace) -> None:
    """Fetch UTKFace."""
    from agegender_lib.data.download import download_faces

    path = download_faces(options.source, options.folder)
    print(f"use it with --data {path}")


def train(options: Namespace) -> None:
    """Train one model as the profile says."""
    from agegender_lib.pipeline.profiles import WEIGHTS_OF, model_settings, read_profile

    profile = read_profile(options.profile)
    faces = data.open_faces(
        options.data or profile.get("data", ""), profile.get("rendered_faces", data.RENDERED_FACES)
    )
    settings = model_settings(profile, options.model)
    if options.seed is not None:
        settings["seed"] = options.seed

    from agegender_lib.training import configure
    from agegender_lib.training import train as train_model

    config = configure(options.model, **settings)
    weights = options.weights or profile.get(WEIGHTS_OF.get(options.model), "pretrained")
    folder = train_model(config, faces, weights, Path(options.runs), options.name)
    print(f"run folder: {folder}")
    _print_metrics(folder)


def study(options: Namespace) -> None:
    """Train what a study lacks, and print its comparison."""
    from agegender_lib import evaluation
    from agegender_lib.training.study import read_study, run_study

    wanted = read_study(options.study)
    faces = data.open_faces(options.data, data.RENDERED_FACES)
    trainings = run_study(wanted, faces, weights=options.weights)
    runs = evaluation.read_trainings(trainings)
    folded = {training.group for training in wanted.trainings if training.config.fold}
    tables = []
    for group, question in wanted.questions.items():
        print(f"\n{group}. {question}")
        own = trainings[trainings["group"] == group]
        if group in folded:
            # choices that hold out other faces each cannot be compared face by face
            found = evaluation.cross_validation_table([runs[name] for name in own["run"].unique()])
            _print(found.round(4))
            found.insert(0, "group", group)
        else:
            found = evaluation.compare_choices(own, runs)
            _print(_brief(found))
        tables.append(found)
    if options.csv:
        write_csv(Path(options.csv), pd.concat(tables, ignore_index=True), float_format="%.6g")


def search(options: Namespace) -> None:
    """Work on a hyper-parameter search and print its trials."""
    from agegender_lib.training.search import SPACE, read_space, run_search, search_table, space_file

    # a mistake in the space is found before thousands of faces are drawn
    file = space_file(options.space or SPACE)
    space = read_space(file)
    study = run_search(
        data.open_faces(options.data, data.RENDERED_FACES),
        space,
        options.study or file.stem,
        options.storage,
        options.trials,
        options.runs,
        options.seed,
        options.weights,
    )
    table = search_table(study)
    shown = ["trial", "state", "value", "age_mae", "gender_accuracy", "epochs", "run", "note"]
    drawn = ", drawn faces" if study.user_attrs["rendered"] else ""
    print(f"\n{study.study_name}: validation images of {study.user_attrs['data']}{drawn}")
    print("value is age MAE + 0.2 years per percentage point of gender error")
    _print(table[shown].sort_values("value").round(3))
    complete = table[table["state"] == "complete"]
    if len(complete):
        best = complete.loc[complete["value"].idxmin()]
        print(f"best: trial {best['trial']}, run folder {Path(options.runs) / best['run']}")


def evaluate(options: Namespace) -> None:
    """Print metrics of runs, per group where asked, and compare two."""
    from agegender_lib import evaluation

    runs = [_print_metrics(folder) for folder in options.runs]
    if options.by:
        for run in runs:
            print(f"\n{run.name} by {options.by}")
            _print(evaluation.errors_by(run.validation, options.by).round(3))
    if len(runs) == 2:
        print(f"\n{runs[1].name} (b) against {runs[0].name} (a), paired")
        _print(evaluation.compare(runs[0].validation, runs[1].validation).round(4))


def predict(options: Namespace) -> None:
    """Print age and P(female) of face images."""
    files = _image_files(options.images)
    images = [_decoded(file) for file in files]

    import numpy as np

    from agegender_lib import models

    found = models.predict(models.load_model(options.model), np.stack(images), progress=len(images) > 200)
    found.insert(0, "file", [str(file) for file in files])
    if options.csv:
        write_csv(Path(options.csv), found, float_format="%.4f")
        print(f"{options.csv}: {len(found):,} faces")
    else:
        _print(found.round({"age_predicted": 1, "p_female": 3}))
    print(
        "Estimates of how a face looks, wrong by years and at times in gender: decide nothing about anyone by them."
    )


def convert(options: Namespace) -> None:
    """Write a model in the format that its new name asks for."""
    file = Path(options.file)
    if file.suffix not in (".keras", ".h5") or not file.parent.is_dir():
        raise InputError(
            f"{file} cannot be written: give a name that ends in .keras or .h5, in a folder that is there"
        )
    if file.exists():
        raise InputError(f"{file} is there already: give another name, or remove it")
    from agegender_lib.models import load_model
    from agegender_lib.training.export import save_model

    save_model(load_model(options.model), file)
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


def bench(options: Namespace) -> None:
    """Print speeds of training and inference, and write them where asked."""
    if options.csv and Path(options.csv).is_dir():
        raise InputError(f"{options.csv} is a folder: give the name of a .csv file in it")
    from agegender_lib.pipeline.bench.measure import bench as measure
    from agegender_lib.pipeline.bench.words import readable

    found = measure(options.data, options.images, options.seconds)
    print("\n".join(found.conditions))
    for reference, part in readable(found.speeds):
        print(f"\nratio: times as fast as {reference}")
        _print(part)
    print("", *found.sentences, sep="\n")
    if options.csv:
        write_csv(Path(options.csv), found.speeds, float_format="%.6g")


def report(options: Namespace) -> None:
    """Run the notebooks and export the report, or only export it."""
    from agegender_lib.pipeline.report import export, make_report

    if options.pdf_only:
        print(export(Path(options.output)))
        return
    pdf = make_report(options.data, options.profile, options.weights, options.weights_f, Path(options.output))
    print(f"{pdf}")


def _brief(found: pd.DataFrame) -> pd.DataFrame:
    """A study's comparison as it fits into a terminal: years, and points of accuracy."""
    brief = found[["choice", "seeds"]].copy()
    for measure, scale, digits, unit in (("age_mae", 1, 2, "age"), ("gender_accuracy", 100, 1, "gender")):
        brief[unit] = (found[measure] * scale).round(digits)
        for end, name in (("", "against"), ("_low", "from"), ("_high", "to")):
            brief[f"{unit} {name}"] = (found[f"{measure}_difference{end}"] * scale).round(digits)
        brief[f"{unit} p"] = found[f"{measure}_difference_p"].round(3)
    return brief.astype(object).where(brief.notna(), "")


def _image_files(given: list[str]) -> list[Path]:
    files: list[Path] = []
    for name in given:
        path = Path(name)
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in (".jpg", ".jpeg"))
            if not inside:
                raise InputError(f"{path} holds no .jpg file: give a folder of face images")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise InputError(f"{path} does not exist: give a JPEG file or a folder of them")
    return files


def _decoded(file: Path):
    from agegender_lib.data.decode import NotAFace, decode_face

    try:
        return decode_face(file.read_bytes())[0]
    except NotAFace as reason:
        raise InputError(f"{file}: {reason}; crop one face as UTKFace does and save it as RGB JPEG") from None


def _print_metrics(folder: str | Path):
    from agegender_lib import evaluation

    run = evaluation.read_run(folder)
    drawn = ", drawn faces" if run.rendered else ""
    print(
        f"\n{run.name}: {len(run.validation):,} validation images of {run.provenance['data']['name']}{drawn}"
    )
    _print(evaluation.summarise(run.validation).round(3))
    return run


def _print(table: pd.DataFrame) -> None:
    with pd.option_context(*(item for pair in _SHOWN.items() for item in pair)):
        print(table.to_string(index=False))
