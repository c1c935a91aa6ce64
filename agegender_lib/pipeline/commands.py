"""Commands: functions whose docstring is their help, in its order: from faces to the report.

Keras is imported only inside those functions that need it: it takes seconds.
"""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.pipeline.options import (
    CLUSTER,
    DATA,
    MODEL_HELP,
    PRETRAINED,
    PROFILE_HELP,
    RUNS,
    WEIGHTS_HELP,
    command,
    data_of,
    option,
    print_table,
)

if TYPE_CHECKING:
    import pandas as pd


@command(
    "train ModelA, ModelB, ModelF or ModelP",
    option(
        "model",
        choices=("model_a", "model_b", "model_f", "model_p"),
        help="from scratch; fine-tuned from photographs (InceptionV3); fine-tuned from faces (MobileNet, VGGFace2); "
        "the same for photographs of anybody, on several sources, which takes one to two hours whatever the profile",
    ),
    *DATA,
    option("--profile", default="quick", help=PROFILE_HELP.format("quick")),
    option("--weights", help=WEIGHTS_HELP),
    option("--seed", type=int, help="of weights, order, augmentation and dropout (default: 1)"),
    option("--name", help="name of the run folder (default: the model and a hash of all settings)"),
    RUNS,
)
def train(options: Namespace) -> None:
    """Train one model as a profile says. The result is a run folder. The same command again goes on with a killed
    training, and returns a finished one at once.
    """
    from agegender_lib.data import SYNTHETIC_FACES, given_split, load_dataset
    from agegender_lib.reporting.profiles import WEIGHTS_OF, model_settings, read_profile

    profile = read_profile(options.profile)
    faces = load_dataset(data_of(options) or profile.get("data", ""), profile.get("synthetic_faces", SYNTHETIC_FACES))
    settings = model_settings(profile, options.model)
    if options.seed is not None:
        settings["seed"] = options.seed

    from agegender_lib import evaluation, training

    config = training.configure(options.model, **settings)
    if (said := given_split(faces.table)[1]) and not config.fold:
        print(said)
    weights = options.weights or profile.get(WEIGHTS_OF.get(options.model), "pretrained")
    folder = training.train(config, faces, weights, Path(options.runs), options.name)
    print(f"run folder: {folder}")
    run = evaluation.read_run(folder)
    drawn = ", drawn faces" if run.synthetic else ""
    print(f"\n{run.name}: {len(run.validation):,} validation images of {run.provenance['data']['name']}{drawn}")
    print_table(evaluation.evaluate(run.validation).round(3))


@command(
    "train the variants of a study and compare them",
    option("study", help="recipe, claims, faces, heads, folds, or a .yaml file (see notebooks/studies)"),
    *DATA,
    PRETRAINED,
    option("--csv", metavar="FILE", help="also write the comparison there"),
    *CLUSTER,
)
def study(options: Namespace) -> None:
    """Train every variant of a study that is not trained yet, one after the other or on a cluster's workers, and print
    how each differs from its baseline, or, of folds, what cross-validation says. The same command again goes on with
    a study that was stopped.
    """
    import pandas as pd

    from agegender_lib import cluster, evaluation
    from agegender_lib.data import load_dataset
    from agegender_lib.files import write_csv
    from agegender_lib.training.ablations import read_study, run_study

    wanted = read_study(options.study)
    with cluster.connected(options.scheduler, options.workers) as client:
        found = run_study(wanted, load_dataset(data_of(options)), weights=options.weights, client=client)
    runs = evaluation.read_runs(found)
    folded = {training.factor for training in wanted.runs if training.config.fold}
    tables = []
    for factor, question in wanted.questions.items():
        print(f"\n{factor}. {question}")
        own = found[found["factor"] == factor]
        if factor in folded:
            # variants that hold out other faces each cannot be compared face by face
            table = evaluation.cross_validation_table([runs[name] for name in own["run"].unique()])
            print_table(table.round(4))
            table.insert(0, "factor", factor)
        else:
            table = evaluation.compare_variants(own, runs)
            print_table(_brief(table))
        tables.append(table)
    if options.csv:
        write_csv(Path(options.csv), pd.concat(tables, ignore_index=True), float_format="%.6g")


def _brief(found: "pd.DataFrame") -> "pd.DataFrame":
    """A study's comparison as it fits into a terminal: years, and points of accuracy."""
    brief = found[["variant", "seeds"]].copy()
    for measure, scale, digits, unit in (("age_mae", 1, 2, "age"), ("gender_accuracy", 100, 1, "gender")):
        brief[unit] = (found[measure] * scale).round(digits)
        for end, name in (("", "against"), ("_low", "from"), ("_high", "to")):
            brief[f"{unit} {name}"] = (found[f"{measure}_difference{end}"] * scale).round(digits)
        brief[f"{unit} p"] = found[f"{measure}_difference_p"].round(3)
    return brief.astype(object).where(brief.notna(), "")


@command(
    "search for better settings, alone or with other workers",
    *DATA,
    option(
        "--space", metavar="FILE", help="search_quick, or a .yaml file (default: search_space, see notebooks/studies)"
    ),
    option("--study", metavar="NAME", help="its name (default: the space's, without .yaml)"),
    option("--storage", metavar="URL", help="database (default: SQLite in the runs folder's search/<study>.db)"),
    option("--trials", type=int, default=20, metavar="N", help="of all workers together (default: %(default)s)"),
    RUNS,
    option("--seed", type=int, default=1, help="of the suggestions (default: %(default)s)"),
    PRETRAINED,
    *CLUSTER,
)
def search(options: Namespace) -> None:
    """Train what Optuna suggests, ending early what falls behind, until so many trials are finished. The same command
    in another process, or with a shared database on another machine, is a second worker. The same command again
    goes on with a search that was stopped.
    """
    from agegender_lib import cluster
    from agegender_lib.data import load_dataset
    from agegender_lib.training.search import SPACE, VALUE_MEANING, read_space, run_search, search_table, space_file

    # a mistake in the space is found before thousands of faces are drawn
    file = space_file(options.space or SPACE)
    space, name = read_space(file), options.study or file.stem
    faces, weights = load_dataset(data_of(options)), options.weights
    with cluster.connected(options.scheduler, options.workers) as client:
        study = run_search(
            faces, space, name, options.storage, options.trials, options.runs, options.seed, weights, client
        )
    table = search_table(study)
    shown = ["trial", "state", "value", "age_mae", "gender_accuracy", "epochs", "run", "note"]
    drawn = ", drawn faces" if study.user_attrs["rendered"] else ""
    print(f"\n{study.study_name}: validation images of {study.user_attrs['data']}{drawn}")
    print(f"value is {VALUE_MEANING}")
    print_table(table[shown].sort_values("value").round(3))
    complete = table[table["state"] == "complete"]
    if len(complete):
        best = complete.loc[complete["value"].idxmin()]
        print(f"best: trial {best['trial']}, run folder {Path(options.runs) / best['run']}")


@command(
    "metrics of runs, or of model files on any labelled faces, with 95 %% intervals",
    option(
        "models",
        nargs="+",
        metavar="MODEL_OR_RUN",
        help="run folder, such as report/results/runs/model_a; with --data also a .keras or .h5 file",
    ),
    *DATA,
    option(
        "--by",
        choices=("age_band", "gender", "race", "source"),
        action="append",
        help="also per group; may be repeated",
    ),
    option("--csv", metavar="FILE", help="also write all of it there, a row per model, group and metric"),
    option("--json", metavar="FILE", help="the same as JSON, with the faces and the files"),
    option(
        "--corruptions",
        type=int,
        nargs="?",
        const=300,
        metavar="N",
        help="instead, what runs lose when N (300) of their held-out faces are blurred, darkened and so on; --data are "
        "the faces that they were made with",
    ),
    *CLUSTER,
)
def evaluate(options: Namespace) -> None:
    """Print age and gender metrics of each model with their 95 % intervals, and of two also the paired comparison.
    Without --data a run is judged on its own validation images. With it, any Keras model that has this project's input
    and outputs (see README) is judged on any labelled faces; the error of an age that is labelled as a range is the
    distance to it, and age_in_range the fraction of faces inside.
    """
    from agegender_lib.pipeline.evaluate_models import evaluate_models

    evaluate_models(options)


@command(
    "the faces of photos: age with its interval, P(female)",
    option(
        "photos",
        nargs="+",
        metavar="PHOTO",
        help="picture (JPEG, HEIC, PNG, WebP, TIFF, BMP, GIF, AVIF), or a folder or an archive (.zip, .tar) of them",
    ),
    option(
        "--aligned",
        action="store_true",
        help="each picture is one face, a square aligned like UTKFace's: nothing is detected",
    ),
    option("--model", default=folders.MODELS / "age_gender_P.keras", metavar="FILE", help=MODEL_HELP),
    option("--csv", metavar="FILE", help="write a row per face there instead of printing a table"),
    option(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="write what was found of each photo there (.jsonl: a line of JSON each), or, without FILE after the "
        "photos, to standard output",
    ),
    option("--again", action="store_true", help="read photos anew that stand in these files already, and replace them"),
    option("--annotate", metavar="FOLDER", help="write each photo there with its predictions, as PNG"),
    *CLUSTER,
)
def predict(options: Namespace) -> None:
    """Find the faces of photographs, the largest first, and print age (years), its 80 % interval, P(female), and
    warnings where a face is small, blurred, not frontal or truncated. A file that cannot be read is listed with the
    reason; the exit code is 2 if none could be read. Files are written photo by photo, and the same command again goes
    on with them: it skips photos that stand there with the same size and time, read by the same model.
    """
    from agegender_lib.pipeline.predict_photos import predict_photos

    predict_photos(options)


@command(
    "a web page that reads one's own photo",
    option("--model", default="", metavar="FILE", help=MODEL_HELP),
    option("--port", type=int, default=8866, help="(default: %(default)s)"),
    option("--network", action="store_true", help="answer to other machines, too (they need the printed token)"),
    option("--base-url", default="/", metavar="PATH", help="path that a proxy hands on, such as /faces/"),
    option("--no-browser", action="store_true", help="only serve"),
)
def app(options: Namespace) -> None:
    """Serve the photo notebook as a page for a browser, by Voila, until Ctrl+C. It needs no internet and keeps no
    photo.
    """
    from agegender_lib.pipeline.app import serve

    serve(options.model, options.port, options.network, not options.no_browser, options.base_url)


@command(
    "a model in another file format",
    option("model", metavar="MODEL", help="a .keras or .h5 model, such as report/models/age_gender_F.keras"),
    option("file", metavar="FILE", help="the new file"),
)
def convert(options: Namespace) -> None:
    """Write a model as .keras, .h5 (Keras 2 as well), .onnx (ONNX Runtime) or .tflite (LiteRT), whichever the new name
    ends in. The file is asked about 32 drawn faces before it takes its name, and refused if it answers otherwise.
    """
    file = Path(options.file)
    if not file.parent.is_dir():
        raise InputError(f"{file} cannot be written: give a name in a folder that is there")
    if file.exists():
        raise InputError(f"{file} already exists: give another name, or remove it")
    from agegender_lib.models import convert, load_model

    years, p_female = convert(load_model(options.model), file)
    print(
        f"{file}: {file.stat().st_size / 1e6:.1f} MB; on 32 drawn faces at most {years:.6f} years and "
        f"{p_female:.7f} of P(female) from the model"
    )


@command(
    "run all notebooks and export the report PDF",
    *DATA,
    option(
        "--profile",
        help=PROFILE_HELP.format("coursework for the faces that the published models were trained on, else quick"),
    ),
    option("--weights", help=WEIGHTS_HELP),
    option("--weights-f", metavar="FILE", help="the same for ModelF, whose backbone was pre-trained on faces"),
    option(
        "--output",
        metavar="FOLDER",
        help="report folder (default: report for real faces with the profile coursework, build/report otherwise)",
    ),
    option("--retrain", action="store_true", help="train again what is published with this repository"),
    option(
        "--pdf-only", action="store_true", help="only typeset the PDF again from the figures and numbers already there"
    ),
)
def report(options: Namespace) -> None:
    """Execute the numbered notebooks with papermill, regenerate every figure and number, and export report/report.pdf.
    Finished runs are not repeated.
    """
    import pandas as pd

    from agegender_lib.pipeline.report import export, make_report
    from agegender_lib.reporting.profiles import COURSEWORK

    if options.pdf_only:
        print(export(Path(options.output or folders.REPORT)))
        return
    made = make_report(
        data_of(options), options.profile, options.weights, options.weights_f, options.output, options.retrain
    )
    headline = pd.read_csv(made.pdf.parent / "results" / "headline.csv")
    print_table(headline.drop(columns="data").round(3))
    print(f"\n{made.pdf}")
    if made.synthetic:
        print(
            "It is a report of drawn faces, which shows how everything works and nothing about people. Next: "
            "`make lab` to explore, or `make report DATA=train_val.tar` with the real faces."
        )
    elif made.profile != COURSEWORK:
        print(f"The profile {made.profile} trains briefly: PROFILE=coursework trains to the end.")
