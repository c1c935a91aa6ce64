"""What ``evaluate`` does: runs on their own validation images, or any models on any labelled faces."""

import sys
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from agegender_lib.data import UNLABELLED, FaceSet
from agegender_lib.errors import InputError
from agegender_lib.files import sha256_of, write_csv, write_json
from agegender_lib.pipeline.options import data_of, print_table

MEASURES = ("age_mae", "age_in_range", "age_bias", "gender_accuracy")


@dataclass(frozen=True)
class Judged:
    """A model and what it says of faces: ``about`` names the file and the faces, ``words`` say it in a line."""

    name: str
    words: str
    predictions: pd.DataFrame
    about: dict[str, Any]


def evaluate_models(options: Namespace) -> None:
    """Print, and write, the metrics of each model."""
    for path in (options.csv, options.json):
        if path and (Path(path).is_dir() or not Path(path).absolute().parent.is_dir()):
            raise InputError(f"{path} cannot be written: give the name of a file in a folder that is there")
    if options.corruptions is not None:
        return _on_corrupted_faces(options)
    if options.scheduler or options.workers:
        raise InputError("workers share what is predicted of corrupted faces: add --corruptions, or leave them out")
    judged = _on_faces(options) if options.data else [_on_its_own(folder) for folder in options.models]
    for one in judged:
        _check_labelled(one.predictions, options)
    from agegender_lib import evaluation

    found = []
    for one in judged:
        table = evaluation.evaluate(one.predictions)
        print(f"\n{one.name}: {one.words}")
        print_table(table.round(3))
        found.append(_rows(one.name, "", ["all"] * len(table), table))
        for by in options.by or ():
            groups = evaluation.metrics_by_group(one.predictions, by)
            print(f"\n{one.name} by {by}")
            print_table(groups.round(3))
            measures = [measure for measure in MEASURES if measure in groups]
            found += [_rows(one.name, by, groups[by], _of_groups(groups, measure)) for measure in measures]
    if len(judged) == 2:
        a, b = judged
        print(f"\n{b.name} (b) against {a.name} (a), paired")
        print_table(evaluation.paired_comparison(a.predictions, b.predictions).round(4))
    _write(pd.concat(found, ignore_index=True), judged, options)


def _on_corrupted_faces(options: Namespace) -> None:
    """Chapter 7's table of what each run loses when its held-out faces are corrupted."""
    if options.by or options.json:
        raise InputError("--by and --json are not for --corruptions, which makes one table: leave them out")
    from agegender_lib import cluster, evaluation, inference
    from agegender_lib.data import load_dataset

    faces, found = load_dataset(data_of(options)), {}
    with cluster.connected(options.scheduler, options.workers) as client:
        for run in options.models:
            found[run] = inference.corrupted_predictions(run, faces, options.corruptions, client)
    table = evaluation.robustness_summary(found)
    count = len(next(iter(found.values())).groupby("file"))
    print(f"\nchange from clean to corrupted, {count:,} held-out faces of {faces.name}")
    print_table(table.round(3))
    if options.csv:
        write_csv(Path(options.csv), table, float_format="%.6g")


def _rows(name: str, by: str, groups, table: pd.DataFrame) -> pd.DataFrame:
    rows = pd.DataFrame({"model": name, "by": by, "group": list(groups)})
    return rows.join(table[["metric", "value", "low", "high", "n"]].reset_index(drop=True))


def _of_groups(groups: pd.DataFrame, measure: str) -> pd.DataFrame:
    """One measure of each group, as a table of metrics has it."""
    found = groups[[measure, f"{measure}_low", f"{measure}_high", "count"]].set_axis(
        ["value", "low", "high", "n"], axis=1
    )
    return found.assign(metric=measure)


def _write(rows: pd.DataFrame, judged: list[Judged], options: Namespace) -> None:
    if options.csv:
        write_csv(Path(options.csv), rows, float_format="%.6g")
        print(f"{options.csv}: {len(rows):,} rows", file=sys.stderr)
    if options.json:
        models = []
        for one in judged:
            own = rows[rows["model"] == one.name].drop(columns="model").astype(object)
            models.append({"model": one.name, **one.about, "metrics": own.where(own.notna(), None).to_dict("records")})
        write_json(Path(options.json), {"models": models})
        print(f"{options.json}: {len(models):,} models", file=sys.stderr)


def _on_its_own(folder: str) -> Judged:
    from agegender_lib import evaluation

    if Path(folder).is_file():
        raise InputError(f"{folder} is a model file: say on which faces to judge it, with --data")
    run = evaluation.read_run(folder)
    data = run.provenance["data"]
    drawn = ", drawn faces" if run.synthetic else ""
    words = f"{len(run.validation):,} validation images of {data['name']}{drawn}"
    return Judged(run.name, words, run.validation, {"run": str(folder), "data": data})


def _on_faces(options: Namespace) -> list[Judged]:
    """Every model on the same faces; files that are no models are told before faces are read."""
    from agegender_lib.data import load_sources
    from agegender_lib.models import load_model, predict
    from agegender_lib.runs import labels_of

    files = [_model_file(given) for given in options.models]
    models = [load_model(file) for file in files]
    faces = load_sources(data_of(options))
    for note in faces.notes:
        print(note)
    if len(faces.rejected):
        print(f"{len(faces.rejected):,} files or rows are not used: agegender data check lists them")
    labels, judged = labels_of(faces.table), []
    _check_labelled(labels, options)  # before minutes of predicting
    for file, model in zip(files, models, strict=True):
        name = file.parent.name if file.stem == "model" else file.stem
        if name in {one.name for one in judged}:
            name = str(file)
        predictions = pd.concat([labels, predict(model, faces.images, progress=True)], axis=1)
        predictions.insert(1, "split", "evaluated")
        drawn = ", drawn faces" if faces.synthetic else ""
        words = f"{len(faces):,} faces of {faces.name}{drawn}"
        seen = _seen(file, faces)
        about = {"file": str(file), "sha256": sha256_of(file), "faces_seen_in_training": seen}
        about["data"] = {
            "name": faces.name,
            "fingerprint": faces.fingerprint,
            "rendered": faces.synthetic,
            "images": len(faces),
        }
        if seen:
            words += f"; {seen:,} of them trained this model, so that these numbers flatter it"
        judged.append(Judged(name, words, predictions, about))
    return judged


def _check_labelled(labels: pd.DataFrame, options: Namespace) -> None:
    """Refuse to group by what no face is labelled with."""
    for by in options.by or ():
        if by in labels and labels[by].isin([-1, UNLABELLED]).all():
            raise InputError(f"these faces have no labels of {by} to group errors by: leave out --by {by}")


def _model_file(given: str) -> Path:
    from agegender_lib.runs import model_file

    path = Path(given)
    if not path.is_dir():
        return path
    found = model_file(path)
    if found is None:
        raise InputError(f"{path} holds no model file: give a run folder that has one, or a .keras or .h5 file")
    return found


def _seen(file: Path, faces: FaceSet) -> int | None:
    """How many of the faces are among those that a model was trained on, by name; None where that is not known."""
    from agegender_lib.models.published_weights import training_of
    from agegender_lib.runs import read_run

    training = training_of(file)
    if training is None:
        return None
    return int(faces.table["file"].isin(read_run(training).train["file"]).sum())
