"""The command line: one verb per thing a user wants, bad input in one sentence and exit code 2."""

import argparse
import os
import sys
from collections.abc import Sequence

from agegender_lib import folders
from agegender_lib.data import RENDERED_FACES
from agegender_lib.errors import InputError
from agegender_lib.pipeline import commands

DATA_HELP = (
    "folder, .tar, .tar.gz or .zip of UTKFace-named faces; left out: rendered stand-in faces are drawn"
)
PROFILE_HELP = "quick, coursework, or a .yaml file of notebook parameters (default: quick)"
WEIGHTS_HELP = (
    "what ModelB or ModelF starts from: pretrained (downloaded), none (random), or a Keras .weights.h5 file"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 a fault of ours, 2 bad input, 130 interrupted."""
    # oneDNN's and XLA's greetings are no news; errors still show
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except InputError as error:
        print(f"agegender: {error}", file=sys.stderr)
        return 2
    except commands.FAULTS as error:
        print(f"agegender: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nagegender: interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m agegender_lib",
        description="Age estimation and gender classification from face images: data, training, evaluation, report.",
        epilog="Help on one verb: python -m agegender_lib VERB --help",
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    _data_verbs(verbs)

    verb = _verb(
        verbs,
        "train",
        commands.train,
        "train ModelA, ModelB or ModelF",
        "Train one model as a profile says. The result is a run folder. The same command again goes on with a killed "
        "training, and returns a finished one at once.",
    )
    verb.add_argument(
        "model",
        choices=("model_a", "model_b", "model_f"),
        help="from scratch; fine-tuned from photographs (InceptionV3); fine-tuned from faces (MobileNet, VGGFace2)",
    )
    _shared(verb)
    verb.add_argument("--seed", type=int, help="of weights, order, augmentation and dropout (default: 1)")
    verb.add_argument("--name", help="name of the run folder (default: the model and a hash of all settings)")
    _runs(verb)

    verb = _verb(
        verbs,
        "study",
        commands.study,
        "train the choices of a study and compare them",
        "Train every choice of a study that is not trained yet, one after the other, and print how each differs from "
        "its reference, or, of folds, what cross-validation says. The same command again goes on with a study that was "
        "stopped.",
    )
    verb.add_argument(
        "study", help="recipe, claims, faces, heads, folds, or a .yaml file (see notebooks/studies)"
    )
    _data(verb)
    verb.add_argument("--weights", default="pretrained", help=WEIGHTS_HELP)
    verb.add_argument("--csv", metavar="FILE", help="also write the comparison there")

    verb = _verb(
        verbs,
        "search",
        commands.search,
        "search for better settings, alone or with other workers",
        "Train what Optuna suggests, ending early what falls behind, until so many trials are finished. The same "
        "command in another process, or with a shared database on another machine, is a second worker. The same "
        "command again goes on with a search that was stopped.",
    )
    _data(verb)
    verb.add_argument(
        "--space",
        metavar="FILE",
        help="search_quick, or a .yaml file (default: search_space, see notebooks/studies)",
    )
    verb.add_argument("--study", metavar="NAME", help="its name (default: the space's, without .yaml)")
    verb.add_argument(
        "--storage", metavar="URL", help="database (default: SQLite in the runs folder's search/<study>.db)"
    )
    verb.add_argument(
        "--trials", type=int, default=20, metavar="N", help="of all workers together (default: %(default)s)"
    )
    _runs(verb)
    verb.add_argument("--seed", type=int, default=1, help="of the suggestions (default: %(default)s)")
    verb.add_argument("--weights", default="pretrained", help=WEIGHTS_HELP)

    verb = _verb(
        verbs,
        "evaluate",
        commands.evaluate,
        "metrics of finished trainings, with 95 %% intervals",
        "Print age and gender metrics on the validation images of each run folder; of two runs also the paired "
        "comparison.",
    )
    verb.add_argument(
        "runs", nargs="+", metavar="RUN", help="run folder, such as report/results/runs/model_a"
    )
    verb.add_argument("--by", choices=("age_band", "gender", "race"), help="also errors per group")

    verb = _verb(
        verbs,
        "predict",
        commands.predict,
        "age and P(female) of face images",
        "Read ages and genders from images that are framed like UTKFace's: one face, 128 x 128 or 200 x 200 pixels.",
    )
    verb.add_argument("images", nargs="+", metavar="IMAGE", help="JPEG file, or folder of them")
    verb.add_argument(
        "--model",
        default=folders.MODELS / "age_gender_F.keras",
        metavar="FILE",
        help="a .keras or .h5 model (default: report/models/age_gender_F.keras)",
    )
    verb.add_argument("--csv", metavar="FILE", help="write the table there instead of printing it")

    verb = _verb(
        verbs,
        "convert",
        commands.convert,
        "a model in the other file format",
        "Write a model as .keras or .h5, whichever the new name ends in. Its answers stay the same.",
    )
    verb.add_argument(
        "model", metavar="MODEL", help="a .keras or .h5 model, such as report/models/age_gender_F.keras"
    )
    verb.add_argument("file", metavar="FILE", help="the new file")

    verb = _verb(
        verbs,
        "bench",
        commands.bench,
        "images per second of training and inference",
        "Measure, in one run on this machine, how fast the original's pipeline and this one train and answer, and "
        "print the speeds beside the project's budgets.",
    )
    _data(verb)
    verb.add_argument(
        "--images", type=int, default=320, help="how many faces to use at most (default: %(default)s)"
    )
    verb.add_argument(
        "--seconds", type=float, default=3.0, help="of each single measurement (default: %(default)s)"
    )
    verb.add_argument("--csv", metavar="FILE", help="also write the speeds there")

    verb = _verb(
        verbs,
        "report",
        commands.report,
        "run all notebooks and export the report PDF",
        "Execute the numbered notebooks with papermill, regenerate every figure and number, and export "
        "report/report.pdf. Finished trainings are not repeated.",
    )
    _shared(verb)
    verb.add_argument(
        "--weights-f", metavar="FILE", help="the same for ModelF, whose backbone was pre-trained on faces"
    )
    verb.add_argument(
        "--output", default=folders.REPORT, metavar="FOLDER", help="report folder (default: report)"
    )
    verb.add_argument(
        "--pdf-only",
        action="store_true",
        help="only set the PDF anew from the figures and numbers already there",
    )
    return parser


def _data_verbs(verbs: argparse._SubParsersAction) -> None:
    data = verbs.add_parser(
        "data", help="look at, draw or download faces", description="Everything about the faces."
    )
    actions = data.add_subparsers(title="actions", metavar="ACTION", required=True)

    action = _verb(
        actions,
        "check",
        commands.data_check,
        "what is in a set of faces, and what was rejected and why",
        "Import a set of faces into the cache and print what was found. Every file is either used or listed with "
        "the reason why not.",
    )
    action.add_argument("data", metavar="DATA", help=DATA_HELP.split(";")[0])
    action.add_argument("--rejected", metavar="FILE", help="write the table of rejected files there, as CSV")

    action = _verb(
        actions,
        "render",
        commands.data_render,
        "draw labelled stand-in faces",
        "Draw faces with UTKFace names into a new folder. They are for trying things out: numbers measured on them "
        "say nothing about people.",
    )
    action.add_argument("folder", metavar="FOLDER")
    action.add_argument("--count", type=int, default=RENDERED_FACES, help="how many (default: %(default)s)")
    action.add_argument(
        "--seed", type=int, default=0, help="another seed, other faces (default: %(default)s)"
    )

    action = _verb(
        actions,
        "download",
        commands.data_download,
        "fetch UTKFace (23,708 faces; non-commercial research only)",
        "Fetch UTKFace from one of its public homes, verify it, and say which licence applies.",
    )
    action.add_argument(
        "--source", choices=("huggingface", "kaggle"), default="huggingface", help="(default: %(default)s)"
    )
    action.add_argument(
        "--folder",
        default=folders.CACHE / "utkface",
        metavar="FOLDER",
        help="where to (default: cache/utkface)",
    )


def _verb(verbs, name, command, short, long) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=short, description=long.replace("%%", "%"))
    verb.set_defaults(command=command)
    return verb


def _data(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--data", default="", help=DATA_HELP)


def _runs(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--runs", default=folders.RUNS, metavar="FOLDER", help="where run folders lie (default: runs)"
    )


def _shared(verb: argparse.ArgumentParser) -> None:
    _data(verb)
    verb.add_argument("--profile", default="quick", help=PROFILE_HELP)
    verb.add_argument("--weights", help=WEIGHTS_HELP)
