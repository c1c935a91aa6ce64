"""The search space: settings all runs share, and the ranges and choices that are searched."""

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import optuna

from agegender_lib import folders
from agegender_lib.errors import InputError
from agegender_lib.files import read_yaml, yaml_file
from agegender_lib.runs.settings import PRESENT, with_present_names
from agegender_lib.training.config import TrainingConfig, check_number, configure
from agegender_lib.training.network import build_network, check_stages, training_graph

SPACE = folders.STUDIES / "search_space.yaml"


@dataclass(frozen=True)
class Parameter:
    """One setting that is searched, named by its path (``stages.0.learning_rate``): a range, or choices."""

    path: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    choices: tuple = ()

    def suggest(self, trial: optuna.Trial) -> Any:
        """The value an Optuna trial has here, drawn now or kept from before it was killed."""
        if self.choices:
            # Optuna stores plain values only; lists and mappings go by their text
            labels = {_label(choice): choice for choice in self.choices}
            return labels[trial.suggest_categorical(self.path, list(labels))]
        if self.whole:
            return trial.suggest_int(self.path, self.low, self.high, log=self.log)
        return rounded(trial.suggest_float(self.path, self.low, self.high, log=self.log), self.low, self.high)


@dataclass(frozen=True)
class Space:
    """What a search varies, and the settings of :func:`configure` that all its trials share."""

    model: str
    base: dict[str, Any]
    parameters: tuple[Parameter, ...]

    def configure(self, values: dict[str, Any]) -> TrainingConfig:
        """The configuration with these values, given by path, laid over the base."""
        settings = copy.deepcopy(self.base)
        for path, value in values.items():
            _put(settings, path, value)
        return configure(self.model, **settings)

    def definition(self) -> str:
        """The whole space as text: two workers of one study must agree in it."""
        return json.dumps([self.model, self.base, [vars(p) for p in self.parameters]], sort_keys=True)


def space_file(space: str | Path) -> Path:
    """The file of a search space: its stem is what a study of it is called."""
    return yaml_file(space, folders.STUDIES)


def read_space(path: str | Path = SPACE) -> Space:
    """A search space from a YAML file, every value in it tried out, but not their combinations.

    Parameters
    ----------
    path : str or Path
        A file, or the name of one in `notebooks/studies/`, with ``model``, ``base`` (settings of :func:`configure`)
        and ``parameters``: a mapping from the dotted path of a setting to ``{low, high}``, with ``log: true`` and
        ``whole: true`` where wanted, or to ``{choices: [...]}``. An InputError says what in it makes no sense.
    """
    path = space_file(path)
    content = read_yaml(path, "search space")
    try:
        space = _space(content)
        _try_out(space)
    except InputError as error:
        raise InputError(f"the search space {path}: {error}") from None
    return space


def _space(content):
    if not isinstance(content, dict) or set(content) != {"model", "base", "parameters"}:
        raise InputError("it is not made of model, base and parameters: write these three, and no others")
    model, base, given = content["model"], with_present_names(content["base"] or {}), content["parameters"]
    if not isinstance(base, dict):
        raise InputError(f"base is {base!r}: give a mapping of settings")
    if not isinstance(given, dict) or not given:
        raise InputError(f"parameters is {given!r}: give a mapping with at least one setting to search")
    given = {".".join(PRESENT.get(part, part) for part in str(path).split(".")): item for path, item in given.items()}
    parameters = tuple(_parameter(path, item) for path, item in given.items())
    for path in given:
        inside = next((other for other in given if other.startswith(f"{path}.")), None)
        if inside:
            raise InputError(f"{inside} lies inside {path}, which is searched as well: leave one of them out")
    return Space(model, base, parameters)


def _parameter(path, given):
    keys = set(given) if isinstance(given, dict) else set()
    try:
        if keys == {"choices"}:
            labels = [_label(choice) for choice in given["choices"]]
            optuna.distributions.CategoricalDistribution(labels)
            if any(label in labels[:number] for number, label in enumerate(labels)):
                raise ValueError("a choice is there twice")
            return Parameter(path, choices=tuple(given["choices"]))
        if not {"low", "high"} <= keys <= {"low", "high", "log", "whole"}:
            raise ValueError("these are other keys")
        kind, log = int if given.get("whole") else float, given.get("log", False)
        for key in ("low", "high"):
            check_number(key, given[key], -1e300, 1e300, whole=kind is int)
        low, high = kind(given["low"]), kind(given["high"])
        ranges = optuna.distributions
        (ranges.IntDistribution if kind is int else ranges.FloatDistribution)(low, high, log=log)
        return Parameter(path, low, high, log, kind is int)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{path} is {given!r} ({error}): give it as {{low: 0.001, high: 1.0e-2}}, with log: true or whole: true "
            "where wanted, or as {choices: [...]}"
        ) from None


def _try_out(space):
    """Configure the base and each edge of each parameter, and build the networks that differ."""
    edges = [(each.path, value) for each in space.parameters for value in each.choices or (each.low, each.high)]
    for words, values in [("base", {}), *((f"{path} = {value!r}", {path: value}) for path, value in edges)]:
        try:
            config = space.configure(values)
            if config.patience is not None:
                raise InputError("a search judges the last epoch: set patience to null")
            if config.ensemble_size != 1:
                raise InputError("a trial trains one network: set ensemble_size to 1")
            if words.startswith(("base", "architecture", "augmentation")):
                network = build_network(config)
                training_graph(network, config)
                check_stages(network, config)
                keras.utils.clear_session()
        except InputError as error:
            raise InputError(f"{words}: {error}") from None


def _put(settings, path, value):
    """Set what a dotted path leads to."""
    *way, last = path.split(".")
    if way and way[0] in ("architecture", "augmentation"):
        settings.setdefault(way[0], {})
    place, where = settings, "base"
    for part in way:
        place, where = place[_key(place, part, path, where)], part
    if isinstance(place, dict):
        place[last] = value
    else:
        place[_key(place, last, path, where)] = value


def _key(place, part, path, where):
    """A part of a path as a key of what lies there, or an InputError."""
    if isinstance(place, list) and part.isdecimal() and int(part) < len(place):
        return int(part)
    if isinstance(place, dict) and part in place:
        return part
    entries = f", which has {len(place)} entries counted from 0" if isinstance(place, list) else ""
    raise InputError(f"there is no {part} in {where}{entries}: fix {path}, or give {where} what it lacks")


def rounded(value: float, low: float, high: float) -> float:
    """A drawn value as it is used: four digits are enough, and any database gives them back as they were."""
    return min(max(float(f"{value:.4g}"), low), high)


def _label(choice):
    return choice if choice is None or isinstance(choice, str | int | float) else json.dumps(choice)
