"""Ablation studies: many runs that differ in one factor each, so that a recipe is found by measuring."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from agegender_lib import cluster, folders
from agegender_lib.data import FaceSet
from agegender_lib.errors import InputError
from agegender_lib.files import read_yaml, yaml_file
from agegender_lib.lock import ORPHANED, Busy
from agegender_lib.runs import finished
from agegender_lib.runs.kept import find_kept
from agegender_lib.training.config import TrainingConfig, configure
from agegender_lib.training.identity import run_name
from agegender_lib.training.network import build_network, check_stages
from agegender_lib.training.remote import train_remotely
from agegender_lib.training.train import train

RUNS = folders.RUNS / "ablations"
#: Runs that were done elsewhere, see :func:`keep_runs`.
KEPT = folders.REPORT / "results" / "ablations"
_MERGED = ("architecture", "augmentation")


@dataclass(frozen=True)
class AblationRun:
    """One training of an ablation study: the ``factor`` that is varied, and which ``variant`` (level) of it this is.

    The other variants of a factor are compared with the one that is its ``baseline``.
    """

    factor: str
    variant: str
    seed: int
    baseline: bool
    config: TrainingConfig


@dataclass(frozen=True)
class AblationStudy:
    """An ablation study: questions (a sentence per factor), variants that answer them, and the settings all share.

    Its runs are in the order in which they are worth doing: the first seed of every variant, then the second ...
    """

    name: str
    questions: dict[str, str]
    runs: tuple[AblationRun, ...]


def read_study(path: str | Path, **settings: Any) -> AblationStudy:
    """A study from a YAML file.

    Parameters
    ----------
    path : str or Path
        A file, or the name of one in `notebooks/studies/`, with ``model``, ``base`` (settings of
        :func:`configure` that all runs share) and ``factors``: a list of mappings with ``name``, ``question``,
        ``variants`` (label to settings; the first is the baseline), and, where they differ from the study's,
        ``model``, ``base`` and ``seeds``. An InputError says what in it cannot be used.
    **settings
        Laid over the base of every factor, such as ``validation_size``.
    """
    path = yaml_file(path, folders.STUDIES)
    content = read_yaml(path, "study")
    if not isinstance(content, dict):
        raise InputError(f"the study {path} is not a mapping of model, base and factors: write it that way")
    try:
        return _study(path.stem, content, settings)
    except InputError as error:
        raise InputError(f"the study {path}: {error}") from None


def run_study(
    study: AblationStudy,
    faces: FaceSet,
    runs: Path = RUNS,
    train_missing: bool = True,
    weights: str | Path = "pretrained",
    client: cluster.Client | None = None,
) -> pd.DataFrame:
    """Train what is neither trained nor in ``KEPT``, one after the other; the same call goes on with a killed study.

    The same call in another process is a second worker: neither trains what the other has at hand.

    Parameters
    ----------
    study : AblationStudy
    faces : FaceSet
    runs : Path
        Folder of the study's run folders.
    train_missing : bool
        False leaves out what is not there.
    weights : str or Path
        What its pre-trained models start from, see :func:`train`.
    client : distributed.Client, optional
        Of a Dask cluster that trains them side by side, see :func:`agegender_lib.cluster.connected`.

    Returns
    -------
    DataFrame
        A row per training: study (its name), factor, variant, seed, baseline, run (its name), folder (its run folder,
        or the folder of tables that it is kept in; missing where the training is). Runs of different factors with
        the same settings are one run.
    """
    names = [run_name(training.config, faces, weights) for training in study.runs]
    elsewhere = find_kept(KEPT)
    places = {name: folder if finished(folder := Path(runs) / name) else elsewhere.get(name) for name in names}
    missing: dict[str, AblationRun] = {}
    for name, training in zip(names, study.runs, strict=True):
        if train_missing and places[name] is None:
            missing.setdefault(name, training)
    for training in missing.values():
        # an argument that the network refuses shows in building only: better before the first hour than after it
        check_stages(build_network(training.config), training.config)
        keras.utils.clear_session()
    if client and missing:
        configs = {name: training.config for name, training in missing.items()}
        places |= train_remotely(client, configs, faces, weights, runs)
    else:
        places |= _train(missing, faces, weights, runs)
    rows = [
        (study.name, training.factor, training.variant, training.seed, training.baseline, name, places[name])
        for name, training in zip(names, study.runs, strict=True)
    ]
    return pd.DataFrame(rows, columns=["study", "factor", "variant", "seed", "baseline", "run", "folder"])


def _train(missing, faces, weights, runs):
    """First what nobody has at hand; what other workers had is then finished, or left over where one was killed."""
    done: dict[str, Path] = {}
    for wait in (ORPHANED, math.inf):
        for number, (name, training) in enumerate(missing.items(), 1):
            if name in done:
                continue
            what = f"{training.factor}: {training.variant}, seed {training.seed}"
            print(f"{number}/{len(missing)}  {what}", flush=True)
            try:
                done[name] = train(training.config, faces, weights, runs, wait=wait)
            except Busy:
                print("  another process is training this one: later", flush=True)
            keras.utils.clear_session()
    return done


def _study(name, content, settings):
    _refuse_unknown(content, ("model", "base", "seeds", "factors"))
    model, factors = content.get("model", "model_a"), content.get("factors")
    if not isinstance(factors, list) or not factors:
        raise InputError("it has no factors: give a list of questions with their variants")
    shared = _laid(content.get("base") or {}, settings)
    found, questions = [], {}
    for factor in factors:
        label, variants, seeds = _checked(factor, content.get("seeds", [1]))
        if label in questions:
            raise InputError(f"two factors are named {label!r}: give each its own name")
        questions[label] = str(factor.get("question", ""))
        base, own_model = _laid(shared, factor.get("base") or {}), factor.get("model", model)
        for place, seed in enumerate(seeds):
            for number, (variant, changes) in enumerate(variants.items()):
                config = configure(own_model, **_laid(base, changes or {}), seed=seed)
                found.append((place, AblationRun(label, str(variant), seed, number == 0, config)))
    runs = sorted(found, key=lambda each: each[0])
    return AblationStudy(name, questions, tuple(run for _, run in runs))


def _checked(factor, seeds):
    if not isinstance(factor, dict) or "name" not in factor:
        raise InputError(f"a factor is {json.dumps(factor)[:80]}: give a mapping with name and variants")
    label = str(factor["name"])
    known = ("name", "question", "variants", "model", "base", "seeds")
    _refuse_unknown(factor, known, f"factor {label!r}: ")
    variants, seeds = factor.get("variants"), factor.get("seeds", seeds)
    if not isinstance(variants, dict) or not variants:
        raise InputError(f"factor {label!r} has no variants: give a mapping of labels to settings")
    whole = isinstance(seeds, list) and seeds and all(type(seed) is int for seed in seeds)
    if not whole or len(set(seeds)) < len(seeds):
        raise InputError(f"factor {label!r}: seeds is {seeds!r}: give a list of different whole numbers")
    return label, variants, seeds


def _refuse_unknown(given, known, where=""):
    for key in given:
        if key not in known:
            raise InputError(f"{where}{key!r} is none of {', '.join(known)}")


def _laid(base, changes):
    """``changes`` over ``base``; the arguments of architecture and augmentation are merged one by one."""
    if not isinstance(base, dict) or not isinstance(changes, dict):
        raise InputError(f"settings are {changes!r}: give a mapping")
    laid = {**base, **changes}
    for key, cure in (("model", "model"), ("seed", "seeds")):
        if key in laid:
            raise InputError(f"{key} is set among other settings: give {cure} beside them")
    for key in _MERGED:
        if isinstance(base.get(key), dict) and isinstance(changes.get(key), dict):
            laid[key] = {**base[key], **changes[key]}
    return laid
