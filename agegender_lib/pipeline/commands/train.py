"""``train``: train one model."""

from argparse import Namespace, _SubParsersAction
from pathlib import Path

from agegender_lib.pipeline.commands.shared import new_command, print_metrics, runs_option, shared_options


def add(commands: _SubParsersAction) -> None:
    command = new_command(commands, "train", run, "train ModelA, ModelB or ModelF")
    command.add_argument(
        "model",
        choices=("model_a", "model_b", "model_f"),
        help="from scratch; fine-tuned from photographs (InceptionV3); fine-tuned from faces (MobileNet, VGGFace2)",
    )
    shared_options(command)
    command.add_argument("--seed", type=int, help="of weights, order, augmentation and dropout (default: 1)")
    command.add_argument("--name", help="name of the run folder (default: the model and a hash of all settings)")
    runs_option(command)


def run(options: Namespace) -> None:
    """Train one model as a profile says. The result is a run folder. The same command again goes on with a killed
    training, and returns a finished one at once.
    """
    from agegender_lib.data import SYNTHETIC_FACES, load_dataset
    from agegender_lib.reporting.profiles import WEIGHTS_OF, model_settings, read_profile

    profile = read_profile(options.profile)
    faces = load_dataset(options.data or profile.get("data", ""), profile.get("synthetic_faces", SYNTHETIC_FACES))
    settings = model_settings(profile, options.model)
    if options.seed is not None:
        settings["seed"] = options.seed

    from agegender_lib.training import configure
    from agegender_lib.training import train as train_model

    config = configure(options.model, **settings)
    weights = options.weights or profile.get(WEIGHTS_OF.get(options.model), "pretrained")
    folder = train_model(config, faces, weights, Path(options.runs), options.name)
    print(f"run folder: {folder}")
    print_metrics(folder)
