# ruff: noqa: E501  tables of cases
"""Profiles, studies and search spaces: real ones with something changed, and YAML made to hurt."""

import copy
from functools import cache
from pathlib import Path
from random import Random

import yaml

from agegender_lib import folders

from .pictures import mutated

ODD = (
    None, True, 0, 1, -1, 2**31, 2**64, 10**30, 0.5, 1.5, -0.0, 1e308, float("inf"), float("nan"), "", " ", "0.002",
    "quick", "a\nb", "x" * 3000, "é\u202e", [], [[]], [None], [1, 2], {}, {"a": 1}, {1: 2}, {None: None},
    {"a": {"b": {"c": []}}}, b"bytes",
)  # fmt: skip

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20)
)

#: Whole files. A `{}` is where a value goes that some setting takes.
NASTY = (
    b"", b"\n", b"#", b"---\n---\n", b"a", b"[]", b"{}", b"null", b"- model_a", b"\xff\xfe", b"\xef\xbb\xbfmodel_a: {}",
    "model_a: {}".encode("utf-16"), b"model_a: \0", b"\0" * 1000, b"\x80\x81", b"model_a: {}\nmodel_a: {}\n",
    b"model_a: !!python/object/apply:os.system ['touch executed']",
    b"!!python/object/new:planted_by_fuzz.Evil ['x']",
    b"model_a: !!python/name:os.system", b"model_a: !!python/module:planted_by_fuzz", b"model_a: !unknown {}",
    b"validation: 2001-13-01", b"validation: 2001-01-01", b"validation: 2001-01-01 99:99:99", b"validation: 1:99:99",
    b"validation: " + b"9" * 5000, b"validation: 0x" + b"f" * 5000, b"validation: .nan", b"validation: -.inf",
    b"validation: 0b2", b"validation: !!int x", b"validation: !!float x", b"validation: !!timestamp x",
    b"validation: !!binary '%'", b"validation: !!bool x", b"validation: !!null x", b"validation: !!set {a, b}",
    b"validation: !!omap [a: 1]", b"validation: !!pairs [a: 1]", b"validation: =", b"validation: <<", b"<<: 1",
    b"<<: [1]", b"<<: {model_a: {}}", b"? [a]\n: b", b"? {a: b}\n: c", b"1: 2", b"null: 1", b"true: 1", b"2001-01-01: 1",
    b"1.5: 1", b"model_a: &a {b: *a}", b"model_a: &a [*a]", b"model_a: {stages: &a [*a]}", b"&a {model_a: *a}",
    b"model_a: *nowhere", b"model_a: {1: 2}", b"model_a: {null: 2}", b"model_a: {[1]: 2}", b"model_a: []", b"model_a: x",
    b"model_a: 5", b"model_a: {stages: {}}", b"model_a: {stages: [1]}", b"model_a: {stages: [{1: 2}]}",
    b"model_a: {builder: {1: 2}}", b"model_a: {builder: {weights: x}}", b"model_a: {builder: {side: !!binary aGk=}}",
    b"model_a: {augmentation: {x: 1}}", b"model_a: {fold: 1/0}", b"model_a: {fold: [1]}", b"model_a: {optimizer: []}",
    b"model_a: {optimizer: {}}", b"model_a: {model: x}", b"model_a: {self: x}", b"model_b: {model: model_a}",
    b"data: 5", b"data: []", b"data: null", b"data: ~nobody/x", b"data: " + b"x" * 5000, b'data: "\\0"',
    b"rendered_faces: many", b"rendered_faces: -1", b"rendered_faces: 1.5", b"rendered_faces: true",
    b"weights: 5", b"weights: []", b"train_missing: maybe", b"recipe_study: {a: b}", b"search_trials: 1e3",
    b"[" * 3000, b"{a: " * 3000, b"- " * 3000, b"a: [" * 50 + b"]" * 50, b"x" * 100_000, b"%YAML 9.9\n---\na: 1",
    LAUGHS.encode(), LAUGHS.encode() + b"model_a: *a19\n", LAUGHS.encode() + b"model_a: {builder: *a19}\n",
    LAUGHS.encode() + b"model_a: {builder: {widths: *a19}}\nbase: *a19\ngroups: *a19\nparameters: *a19\n",
    b"model: [1]\ngroups: [{name: a, choices: {b: {}}}]", b"model: {}\nbase: {}\nparameters: {seed: {low: 1, high: 2}}",
    b"groups: [{name: a, choices: {b: {}}, seeds: [[1]]}]", b"groups: [{name: a, choices: {b: {}}, seeds: [{}]}]",
    b"groups: [{name: a, choices: {b: {1: 2}}}]", b"groups: [{name: [a], choices: {b: 5}}]", b"groups: [{1: 2}]",
    b"1: 2\n3: 4", b"groups: [{name: a, choices: {b: {}}, 1: 2, c: 3}]", b"groups: [{name: 2001-01-01, 1: x}]",
    b"groups: [2001-01-01]", b"model: model_a\nbase: {}\nparameters: {a: {low: 1, high: 2, 1: 2}}",
    b"model: model_a\nbase: {}\nparameters: {1: {choices: [1]}}", b"model: model_a\nbase: {}\nparameters: {'': {choices: [1]}}",
    b"model: model_a\nbase: {1: 2}\nparameters: {seed: {choices: [1]}}",
    b"model: model_a\nbase: []\nparameters: {seed: {choices: [2001-01-01]}}",
    b"model: model_a\nbase: {}\nparameters: {'.': {choices: [1]}, 'stages.9.epochs': {choices: [1]}}",
    b"model: model_a\nbase: {}\nparameters: {'stages.x.epochs': {choices: [1]}}",
    b"model: model_a\nbase: {}\nparameters: {'seed.x': {choices: [1]}}",
)  # fmt: skip


@cache
def _real(kind: str) -> tuple[bytes, ...]:
    if kind == "profile":
        files = sorted(folders.PROFILES.glob("*.yaml"))
    else:
        search = kind == "space"
        files = sorted(
            file for file in folders.STUDIES.glob("*.yaml") if file.stem.startswith("search") == search
        )
    return tuple(file.read_bytes() for file in files)


def a_settings_file(rng: Random, folder: Path, kind: str) -> Path:
    """A YAML file that was a profile, a study or a search space."""
    path = folder / f"given{rng.choice(('.yaml', '.yaml', '.yml'))}"
    choice = rng.random()
    if choice < 0.25:
        path.write_bytes(rng.choice(NASTY))
    elif choice < 0.55:
        path.write_bytes(mutated(rng.choice(_real(kind)), rng))
    else:
        content = copy.deepcopy(yaml.safe_load(rng.choice(_real(kind))))
        for _ in range(rng.choice((0, 1, 1, 1, 2, 4))):
            _change(content, rng)
        path.write_text(yaml.safe_dump(content, allow_unicode=rng.random() < 0.5), encoding="utf-8")
    return path


def _change(content, rng) -> None:
    """One value somewhere becomes an odd one, or goes, or gets an odd name, or a neighbour."""
    here = content
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            return
        key = rng.choice(keys)
        if isinstance(here[key], (dict, list)) and rng.random() < 0.75:
            here = here[key]
            continue
        action = rng.randrange(5)
        odd = copy.deepcopy(rng.choice(ODD))
        if action == 0:
            del here[key]
        elif action == 1 and isinstance(here, dict):
            here[odd if isinstance(odd, (str, int, float, type(None))) else str(odd)] = here.pop(key)
        elif action == 2 and isinstance(here, dict):
            here[rng.choice(("model", "seed", "stages", "builder", "fold", "x", "validation"))] = odd
        else:
            here[key] = odd
        return
