"""Every setting of a training, and its defaults."""

import math
import re
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from agegender_lib.errors import InputError, nearest
from agegender_lib.runs.settings import with_present_names


@dataclass(frozen=True)
class Stage:
    """A stretch of training with one learning-rate schedule.

    Attributes
    ----------
    epochs : int
    learning_rate : float
        Reached after the warm-up, falling to zero along a cosine (Loshchilov & Hutter 2017, arXiv 1608.03983).
    warmup_epochs : float
        Epochs of linear rise.
    trainable : str
        "all", or "heads" and nothing of the backbone.
    layer_decay : float
        The rate of a backbone's top stage as a multiple of the heads', that of the stage below it as a multiple of
        the top stage's, and so on (discriminative fine-tuning: Howard & Ruder 2018, arXiv 1801.06146, sec. 3.2).
    cached_features : bool
        The heads learn on what the frozen backbone makes of each face and of its mirror image, computed once and kept.
    """

    epochs: int
    learning_rate: float
    warmup_epochs: float = 1.0
    trainable: str = "all"
    layer_decay: float = 1.0
    cached_features: bool = False

    def differing(self) -> dict[str, Any]:
        """The settings, without those added later that have their defaults; see :meth:`TrainingConfig.differing`."""
        later = ("layer_decay", "cached_features")
        return {key: v for key, v in asdict(self).items() if key not in later or v != getattr(Stage, key)}


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides the outcome of a training, besides the data.

    Attributes
    ----------
    model : {"model_a", "model_b", "model_f", "model_p"}
    architecture : dict
        Arguments of :func:`agegender_lib.models.build_model_a` or ``build_model_b``, but for the pre-trained weights,
        which are :func:`train`'s.
    stages : tuple of Stage
    seed, split_seed : int
        Of weights, order, augmentation and dropout; of the split, so that several seeds are judged on the same faces.
    validation_size : int or float
        Images, or fraction of them, held out.
    split_sources : bool
        So many are held out of each source, see :func:`agegender_lib.data.split_sources`, not of all together.
    fold : str or None
        "k/n": the k-th of n folds is held out instead, see :func:`agegender_lib.data.assign_folds`.
    train_size : int or None
        So many of the faces that are not held out train, those of fewer among those of more; None takes all.
    sampling : {None, "race"}
        None: every epoch sees every face once. "race": as many faces, of every race group the same number, see
        :func:`agegender_lib.training.batches.race_quotas`.
    batch_size : int
    optimizer : {"adamw", "adam", "muon"}
        See :func:`agegender_lib.training.optimizers.build_optimizer`.
    weight_decay : float
        Of AdamW and Muon; biases and normalisation are left out of it.
    ema_momentum : float or None
        Weights are averaged over time with this momentum, and the average is what validates and is saved.
    age_loss : {"mse", "mae"}
        Of the age in years.
    age_weight, gender_weight, distribution_weight : float
        Weights of the age loss, the gender cross-entropy, and, for a model with an age distribution, its
        Kullback-Leibler divergence from the label's distribution; for one with an ordinal head, of its loss.
    age_sigma : (float, float)
        The label's distribution is a normal around the age with sigma = first + second x age, in years; no setting.
    label_smoothing : float
        Of the gender labels.
    augmentation : dict
        Arguments of :class:`agegender_lib.models.FaceAugmentation`.
    mixup : float
        Faces are blended in pairs, pixels and targets alike, with a weight drawn from Beta(mixup, mixup) (Zhang et
        al. 2018, arXiv 1710.09412); 0 leaves them whole.
    patience : int or None
        Stop the last stage after so many epochs without a better validation loss, and keep the best epoch's
        weights. None trains to the end and keeps the last, so that nothing is chosen on the validation images.
    test_time_augmentation : bool
        The saved model averages each face with its mirror image.
    ensemble_size : int
        The saved model averages runs with the seeds ``seed``, ``seed + 1``, ..., each in a run folder of its own.
    precision : {"float32", "mixed_bfloat16", "auto"}
        Of the training arithmetic; what is saved is float32. See :func:`fast_precision` for "auto".
    significand_bits : int or None
        Significant bits kept of each saved weight (24 is exact), so that the zipped model file shrinks.
    gradient_batches : int
        At the end of every epoch, measure on so many batches of training faces whether the tasks' gradients agree, see
        :func:`agegender_lib.training.gradients.gradient_conflict`; it changes nothing of the training.
    devices : int
        Graphics cards that share each batch (``keras.distribution.DataParallel``), with the backend JAX.
    """

    model: str
    architecture: dict[str, Any] = field(default_factory=dict)
    stages: tuple[Stage, ...] = ()
    seed: int = 1
    split_seed: int = 1
    validation_size: float = 1000
    split_sources: bool = False
    fold: str | None = None
    train_size: int | None = None
    sampling: str | None = None
    batch_size: int = 64
    optimizer: str = "adamw"
    weight_decay: float = 0.05
    ema_momentum: float | None = 0.998
    age_loss: str = "mae"
    age_weight: float = 0.1
    gender_weight: float = 2.0
    distribution_weight: float = 1.0
    age_sigma: tuple[float, float] = (2.5, 0.03)
    label_smoothing: float = 0.05
    augmentation: dict[str, Any] = field(default_factory=dict)
    mixup: float = 0.0
    patience: int | None = None
    test_time_augmentation: bool = True
    ensemble_size: int = 1
    precision: str = "float32"
    significand_bits: int | None = None
    gradient_batches: int = 0
    devices: int = 1

    @property
    def epochs(self) -> int:
        """Epochs of all stages together."""
        return sum(stage.epochs for stage in self.stages)

    def differing(self) -> dict[str, Any]:
        """The settings that are not this class's defaults, which, unlike the models', are there to stay.

        The names of run folders are hashes of this, so that a setting that is new, here or in a stage, changes no
        name while it has its default.
        """
        defaults = asdict(TrainingConfig(self.model))
        values = {key: value for key, value in asdict(self).items() if value != defaults[key]}
        if self.stages:
            values["stages"] = tuple(stage.differing() for stage in self.stages)
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TrainingConfig":
        """From the dictionary in a run folder's ``config.json``; what an older file lacks has its default."""
        values = with_present_names(values)
        values["stages"] = tuple(Stage(**stage) for stage in values.get("stages", ()))
        if "age_sigma" in values:
            values["age_sigma"] = tuple(values["age_sigma"])
        return cls(**values)


#: The coursework's settings of its models: ModelA from scratch, ModelB on a backbone that knows photographs, ModelF on
#: one that knows faces. ModelP is ModelF for photographs of anybody: more faces, of several sources, see docs/faces.md.
DEFAULTS = {
    "model_a": TrainingConfig(
        "model_a",
        stages=(Stage(60, 2e-3, warmup_epochs=3),),
        batch_size=32,
        optimizer="muon",
        ensemble_size=2,
        precision="auto",
    ),
    "model_b": TrainingConfig(
        "model_b",
        stages=(Stage(2, 1e-3, warmup_epochs=0.5, trainable="heads"), Stage(18, 3e-4, warmup_epochs=2)),
        ema_momentum=0.99,
        patience=8,
        precision="auto",
        significand_bits=9,
    ),
    "model_f": TrainingConfig(
        "model_f",
        # 192 pixels are nearer to the faces the backbone was trained on than the 128 of the input
        architecture={"backbone": "mobilenet_vggface2", "image_size": 192, "dropout": 0.5},
        stages=(Stage(8, 3e-3, trainable="heads", cached_features=True), Stage(14, 1e-4, layer_decay=0.85)),
        batch_size=32,
        ema_momentum=0.99,
        precision="auto",
        significand_bits=10,
    ),
}
DEFAULTS["model_p"] = replace(
    DEFAULTS["model_f"],
    model="model_p",
    # of 23,000 faces 6 epochs are two and a half times what ModelF sees, in about an hour on two cores
    stages=(Stage(4, 3e-3, trainable="heads", cached_features=True), Stage(6, 2e-4, layer_decay=0.85)),
    split_sources=True,
    sampling="race",
    batch_size=64,
    # photographs are framed and lit in more ways than one data set's
    augmentation={"shift": 0.1, "zoom": 0.25, "grey": 0.2},
)


def configure(model: str, **settings: Any) -> TrainingConfig:
    """The model's defaults with some settings replaced.

    Parameters
    ----------
    model : {"model_a", "model_b", "model_f", "model_p"}
    **settings
        Fields of :class:`TrainingConfig`. ``architecture`` and ``augmentation`` are merged with the defaults,
        ``stages`` is a list of dictionaries with the fields of :class:`Stage`. An InputError says which setting is
        unknown or of the wrong kind.
    """
    if not isinstance(model, str) or model not in DEFAULTS:
        raise InputError(f"model {model!r} is unknown: choose one of {', '.join(DEFAULTS)}")
    settings = with_present_names(settings)
    known = {item.name for item in fields(TrainingConfig)} - {"model", "age_sigma"}
    _refuse_unknown(settings, known, f"setting of {model}")
    values = asdict(DEFAULTS[model])
    for key, value in settings.items():
        if key in ("architecture", "augmentation"):
            if not isinstance(value, dict):
                raise InputError(f"{model}: {key} is {value!r}: give a mapping of its arguments")
            if key == "architecture" and "weights" in value:
                raise InputError(
                    f"{model}: pre-trained weights are not part of the architecture: give --weights instead"
                )
            value = {**values[key], **value}
        if key == "stages":
            _check_stages(value, model)
        values[key] = value
    _check(values)
    try:
        return TrainingConfig.from_dict(values)
    except TypeError as error:
        raise InputError(f"{model}: the settings do not fit together: {error}") from error


#: What a setting may be: one of these, ...
_CHOICES = {
    "optimizer": ("adamw", "adam", "muon"),
    "age_loss": ("mse", "mae"),
    "precision": ("float32", "mixed_bfloat16", "auto"),
    "test_time_augmentation": (True, False),
    "split_sources": (False, True),
    "sampling": (None, "race"),
}
_STAGE_CHOICES = {"trainable": ("all", "heads"), "cached_features": (False, True)}
# ... or a number: the least, the most, and whether it is a whole one
_NUMBERS: dict[str, tuple[float, float | None, bool]] = {
    **dict.fromkeys(("age_weight", "gender_weight", "distribution_weight"), (0, None, False)),
    **dict.fromkeys(("weight_decay", "mixup"), (0, None, False)),
    "label_smoothing": (0, 1, False),
    **dict.fromkeys(("batch_size", "ensemble_size", "devices"), (1, None, True)),
    "gradient_batches": (0, None, True),
    **dict.fromkeys(("seed", "split_seed"), (0, 2**32 - 1, True)),
    "train_size": (1, None, True),
    "ema_momentum": (0, 1, False),
    "patience": (1, None, True),
    "significand_bits": (2, 24, True),
}
_OPTIONAL = ("train_size", "ema_momentum", "patience", "significand_bits")
_STAGE_NUMBERS = {
    "epochs": (1, None, True),
    "learning_rate": (0, None, False),
    "warmup_epochs": (0, None, False),
    "layer_decay": (0, 1, False),
}


def check_number(key: str, value: Any, least: float, most: float | None = None, whole: bool = False) -> None:
    """Refuse what is not a number, or none of these; ``key`` names it."""
    kinds = int if whole else (int, float)
    # a comparison with NaN is false
    if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= (most or math.inf):
        kind = "whole number" if whole else "number"
        span = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise InputError(f"{key} is {value!r}: give a {kind} {span}")


def _check_each(values, choices, numbers, where=""):
    for key, allowed in choices.items():
        if values.get(key, allowed[0]) not in allowed:
            raise InputError(f"{key}{where} is {values[key]!r}: choose one of {', '.join(map(str, allowed))}")
    for key, limits in numbers.items():
        if key in values and (values[key] is not None or key not in _OPTIONAL):
            check_number(f"{key}{where}", values[key], *limits)


def _refuse_unknown(given, known, what):
    for key in given:
        if key not in known:
            raise InputError(f"{key!r} is not a {what}: {nearest(key, known)}")


def _check_stages(stages, model):
    if not isinstance(stages, (list, tuple)) or not stages:
        raise InputError(f"{model}: stages is {stages!r}: give a list with at least one stage")
    for stage in stages:
        if not isinstance(stage, dict):
            raise InputError(f"{model}: a stage is {stage!r}: give a mapping of its settings")
        _refuse_unknown(stage, {item.name for item in fields(Stage)}, f"setting of a stage of {model}")
        _check_each(stage, _STAGE_CHOICES, _STAGE_NUMBERS, " of a stage")
        if stage.get("cached_features") and stage.get("trainable") != "heads":
            raise InputError("a stage on features trains all: only the heads can learn on them, say trainable: heads")


def _check(values):
    _check_each(values, _CHOICES, _NUMBERS)
    if values["mixup"] and any(stage.get("cached_features") for stage in values["stages"]):
        raise InputError("mixup blends pixels, and a stage on features has none: set mixup to 0")
    if values["fold"] is not None:
        _check_fold(values["fold"], values["validation_size"])
        if values["split_sources"]:
            raise InputError("folds are of all sources together: set split_sources to False, or drop the fold")


def _check_fold(fold, validation_size):
    found = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", fold) if isinstance(fold, str) else None
    number, folds = map(int, found.groups()) if found else (0, 0)
    if folds < 2 or number > folds:
        raise InputError(f"fold is {fold!r}: give which of how many is held out, such as 1/5")
    # a setting that is silently overruled would be a trap
    if validation_size != TrainingConfig.validation_size:
        raise InputError(
            f"fold is {fold}, validation_size {validation_size!r}, but only one can say what is held out: drop one"
        )
