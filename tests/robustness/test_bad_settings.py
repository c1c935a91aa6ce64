"""Profiles, studies and search spaces: read as what they are, or refused in a sentence."""

from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from outcomes import outcome

from agegender_lib import folders
from agegender_lib.reporting.profiles import model_settings, read_profile
from agegender_lib.training import configure
from agegender_lib.training.ablations import read_study
from agegender_lib.training.search import read_space
from tests.robustness import bad_inputs as bad

#: Whole files: each has what a reader might stumble over.
NASTY = [
    text if isinstance(text, bytes) else text.encode()
    for text in (
        "", "#", "a", "[]", "null", b"\xff\xfe", "model_a: {}".encode("utf-16"), "model_a: \0", "model_a: {stages: [1",
        "model_a: !!python/object/apply:os.getcwd []", "model_a: !unknown {}", "model_a: *nowhere",
        "model_a: &a {b: *a}", "validation: 2001-13-01", "validation: .nan", "validation: !!int x", "? [a]\n: b",
        "<<: 1", "null: 1", "model_a: {null: 2}", "model_a: {stages: {}}", "model_a: {architecture: {1: 2}}",
        "model_a: {architecture: {weights: x}}", "model_a: {fold: 1/0}", "model_a: {optimizer: []}", "data: []",
        "weights: []", "recipe_study: {a: b}", "search_trials: 1e3", "factors: [{name: a, variants: {b: {1: 2}}}]",
        "factors: [{name: [a], variants: {b: 5}}]", "model: [1]\ngroups: [{name: a, choices: {b: {}}}]",
        "model: model_a\nbase: {}\nparameters: {1: {choices: [1]}}",
        "model: model_a\nbase: {}\nparameters: {'seed.x': {choices: [1]}}",
    )
]  # fmt: skip


def profile(path):
    values = read_profile(path)
    for model in ("model_a", "model_b", "model_f", "model_p"):
        configure(model, **model_settings(values, model))
    for key, kind in (("data", str), ("synthetic_faces", int), ("weights", str), ("train_missing", bool)):
        assert isinstance(values.get(key, kind()), kind), values


def study(path):
    assert read_study(path).runs


def space(path):
    read = read_space(path)
    for parameter in read.parameters:
        for value in parameter.choices or (parameter.low, parameter.high):
            assert read.configure({parameter.path: value}).epochs > 0


READ = {"profile": profile, "study": study, "space": space}


@cache
def real(kind: str) -> tuple[bytes, ...]:
    """The files of a kind that come with the project."""
    files = sorted((folders.PROFILES if kind == "profile" else folders.STUDIES).glob("*.yaml"))
    if kind != "profile":
        files = [file for file in files if file.stem.startswith("search") == (kind == "space")]
    return tuple(file.read_bytes() for file in files)


def given_as(kind: str):
    """Such a file with a value changed or its text damaged, as what is on disk."""
    one = st.sampled_from(real(kind))
    values = one.flatmap(lambda text: bad.changed(yaml.safe_load(text), (*bad.ODD, date(2001, 1, 1))))
    return st.one_of(
        values.map(lambda content: yaml.safe_dump(content, allow_unicode=True).encode()), one.flatmap(bad.damaged)
    )


def read(kind: str, text: bytes) -> str:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "given.yaml"
        path.write_bytes(text)
        return outcome(lambda: READ[kind](path))[1]


@pytest.mark.parametrize("kind", ["profile", "study"])
@bad.cases(2)
@given(st.data())
def test_settings(kind, data):
    read(kind, data.draw(given_as(kind)))


@bad.cases(0.3)  # of each space in order the edges are built
@given(given_as("space"))
def test_search_spaces(text):
    read("space", text)


@pytest.mark.parametrize("text", NASTY)
def test_no_nasty_file_gets_further_than_a_sentence(text):
    for kind in READ:
        read(kind, text)


@pytest.mark.parametrize("kind", ["profile", "study"])  # the spaces' networks are built elsewhere
def test_what_comes_with_the_project_is_read(kind):
    for text in real(kind):
        assert read(kind, text) == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("model_a: {seed: 1, seed: 2}", "seed"),
        ("data: a\nseed: 2\ndata: b", "data"),
        ("model_a: [1]", "sets model_a to [1]: give a mapping"),
        ("model_b: {model: model_a}", "sets model in the settings of model_b"),
        ("data: 5", "sets data to 5: give a text"),
        ("synthetic_faces: true", "give a whole number"),
        ("synthetic_faces: 1.5", "give a whole number"),
        ("train_missing: 1", "give true or false"),
        ("validation: [1]", "give a number"),
        ("1: 2", "sets '1', which no notebook knows"),
    ],
)
def test_a_profile_is_refused_for_what_is_wrong_in_it(text, reason):
    assert reason in read("profile", text.encode())
