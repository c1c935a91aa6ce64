"""The doors of the library, and what has to be true of whatever goes through them."""

import contextlib
import io
import json
import re
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from hypothesis import strategies as st

from agegender_lib.data import load_faces
from agegender_lib.data.decode import NotAFace, decode_face
from agegender_lib.data.filenames import parse_name
from agegender_lib.errors import InputError

from . import archives, names, pictures, settings
from .guard import Sandbox, Watch

SEEDS = st.integers(0, 2**64 - 1)
#: What an error says that a smaller machine, or a larger file, would have turned into harm.
OUT_OF_MEMORY = re.compile(r"MemoryError|[Uu]nable to allocate|\bOOM\b|ResourceExhausted|failed to allocate")


@dataclass(frozen=True)
class Target:
    """One door.

    Attributes
    ----------
    cases : strategy
        Of texts, or of seeds.
    prepare : callable
        Makes of a case and an empty folder what is given to the library.
    act : callable
        Gives it, and returns "" or the sentence of a refusal; raises what a user must never see.
    share : float
        Of all cases of a run.
    seconds, megabytes : float
        What one case may take.
    warm : callable
        Run once before, so that imports and first calls are not counted.
    """

    cases: st.SearchStrategy
    prepare: Callable[[Any, Path], Any]
    act: Callable[[Any, Path], str]
    share: float
    seconds: float = 5
    megabytes: float = 500
    warm: Callable[[], None] = lambda: None


@dataclass
class Outcome:
    """What became of one case."""

    refusal: str
    watch: Watch
    fault: str


def run_case(target: Target, case: Any, sandbox: Sandbox) -> Outcome:
    """One case in an emptied sandbox."""
    folder = sandbox.emptied()
    given = target.prepare(case, folder)
    refusal = fault = ""
    with sandbox.watching(target.seconds, target.megabytes) as watch:
        try:
            refusal = target.act(given, folder)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Hang":
                raise
            fault = "".join(traceback.format_exception(error))
    fault = fault or "; ".join(watch.faults) or (_unfit(refusal) if refusal else "")
    return Outcome(refusal, watch, fault)


def _unfit(sentence: str) -> str:
    """What is wrong with a sentence for a user."""
    if "\n" in sentence or "Traceback" in sentence or len(sentence) > 3000 or not sentence.strip():
        return f"not a sentence: {sentence[:3000]!r}"
    if any(ord(char) < 32 or ord(char) == 127 for char in sentence):
        return f"control characters in {sentence!r}"
    if OUT_OF_MEMORY.search(sentence):
        return f"memory ran out: {sentence}"
    return ""


# File names


def _parse(name, _):
    try:
        found = parse_name(name)
    except InputError as error:
        return str(error)
    assert 0 <= found.age <= 116 and found.gender in (0, 1) and found.race in range(5), found
    assert re.fullmatch("[0-9]+", found.timestamp), found
    assert re.fullmatch(r"[ 0-9_]+[ .]*jpe?g([ .]+chip[ .]*jpe?g)? *", name, re.ASCII | re.IGNORECASE), name
    return ""


# JPEGs


def _decode(data, _):
    try:
        pixels, rendered = decode_face(data)
    except NotAFace as reason:
        return str(reason)
    assert pixels.shape == (128, 128, 3) and pixels.dtype == "uint8" and isinstance(rendered, bool)
    return ""


# The importer


def _import(source: archives.Source, folder: Path) -> str:
    return check_import(source, folder / "cache")


def check_import(source: archives.Source, cache: Path) -> str:
    """Import, and count: nothing is lost, nothing is there twice; returns the refusal, if it is one."""
    try:
        faces = load_faces(source.path, cache)
    except InputError as error:
        return str(error)
    rejected = faces.rejected
    assert len(faces) == len(faces.images) > 0
    assert (rejected["reason"].str.strip() != "").all() and (rejected["file"] != "").all(), rejected
    assert not rejected["file"].str.contains(r"[\x00-\x1f\x7f]").any(), "control characters in the table"
    for reason in rejected["reason"]:
        fault = _unfit(reason)
        assert not fault, fault
    assert faces.table["file"].is_unique
    if source.members is not None:
        assert len(faces) + len(rejected) == len(source.members), (faces.table, rejected, source.members)
        if all(
            member.isascii() and member.isprintable() and 0 < len(member) < 300 for member in source.members
        ):
            lost = Counter(source.members) - Counter(rejected["file"])
            bases = Counter(member.replace("\\", "/").rpartition("/")[2] for member in lost.elements())
            assert bases == Counter(faces.table["file"]), (bases, faces.table)
    again = load_faces(source.path, cache)
    assert list(again.table["file"]) == list(faces.table["file"])
    assert list(again.rejected["file"]) == list(rejected["file"])
    return ""


def _bomb(seed, folder):
    return archives.Source(archives.BOMBS[seed % len(archives.BOMBS)](folder), None)


# Profiles and studies


def _profile(path, _):
    from agegender_lib.pipeline.profiles import model_settings, read_profile
    from agegender_lib.training import configure

    try:
        values = read_profile(path)
        for model in ("model_a", "model_b", "model_f"):
            configure(model, **model_settings(values, model))
    except InputError as error:
        return str(error)
    for key, kind in (("data", str), ("rendered_faces", int), ("weights", str), ("train_missing", bool)):
        assert isinstance(values.get(key, kind()), kind), values
    return ""


def _study(path, _):
    from agegender_lib.training.study import read_study

    try:
        assert read_study(path).trainings
    except InputError as error:
        return str(error)
    return ""


def _space(path, _):
    from agegender_lib.training.search import read_space

    try:
        space = read_space(path)
    except InputError as error:
        return str(error)
    for parameter in space.parameters:
        for value in parameter.edges():
            assert space.configure({parameter.path: value}).epochs > 0
    return ""


# Weights and models


def _warm_models():
    import numpy as np

    from agegender_lib import models

    from . import model_files

    model = model_files.tiny_model()
    models.predict(model, np.zeros((1, 128, 128, 3), "uint8"), batch_size=4)
    model_files.originals()


def _warm_photos():
    import tempfile

    _warm_models()
    with tempfile.TemporaryDirectory() as folder:  # fonts, the detector, and the graphs of a first photograph
        given = _photos(1, Path(folder))
        (Path(folder) / "faces" / "good.png").write_bytes(pictures._photo("PNG", "RGB", 200, 2))
        assert not _annotating(given, Path(folder))


def _warm_settings():
    import agegender_lib.training.search
    import agegender_lib.training.study  # noqa: F401
    from agegender_lib.pipeline.profiles import read_profile

    read_profile("quick")


def _a_weights_file(seed, folder):
    from . import model_files

    return model_files.a_weights_file(Random(seed), folder)


def _load_weights(path, _):
    from agegender_lib.models.weights import load_weights

    from . import model_files

    try:
        load_weights(model_files.tiny_model(), path)
    except InputError as error:
        return str(error)
    return ""


def _prediction(seed, folder):
    from . import model_files

    rng = Random(seed)
    (folder / "faces").mkdir()
    good = rng.random() < 0.8
    for number in range(rng.choice((1, 1, 3))):
        data = rng.choice(pictures.faces()) if good else pictures.a_picture(rng)
        (folder / "faces" / f"{number}.jpg").write_bytes(data)
    if good:
        model = model_files.a_model_file(rng, folder)
    else:
        model = folder / "model.keras"
        model.write_bytes(model_files.originals()[".keras"])
    found = str(folder / "found.json")
    return ["predict", str(folder / "faces"), "--framed", "--json", found, "--model", str(model)]


def _photos(seed, folder):
    """Whole photographs, in which faces are looked for, and which come back with what was found written on them."""
    rng = Random(seed)
    (folder / "faces").mkdir()
    for _ in range(rng.choice((1, 2, 3))):
        # larger ones are the door before this one's
        (folder / "faces" / pictures.a_photo_name(rng)).write_bytes(pictures.a_photo(rng, largest=3000))
    return annotate(folder)


def annotate(folder):
    """The arguments that have the photographs in ``folder/faces`` read by the tiny model and written on."""
    from . import model_files

    model = folder / "model.keras"
    model.write_bytes(model_files.originals()[".keras"])
    written = ["--json", str(folder / "found.json"), "--annotate", str(folder / "annotated")]
    return ["predict", str(folder / "faces"), *written, "--model", str(model)]


@cache
def _detector():
    """One for all cases, loaded before the first: its weights are a pickle, which cases may not have."""
    from agegender_lib.photos.detector import FaceDetector

    return FaceDetector()


def _annotating(arguments, folder):
    from PIL import Image

    with mock.patch("agegender_lib.photos.reader.FaceDetector", _detector):
        refusal = _command(arguments, folder)
    drawn = sorted((folder / "annotated").glob("*")) if (folder / "annotated").exists() else []
    read = []
    if not refusal:
        photos = json.loads((folder / "found.json").read_text())["photos"]
        read = [photo for photo in photos if "faces" in photo]
        for face in (face for photo in read for face in photo["faces"]):
            assert face["width"] > 0 and face["height"] > 0 and 0 <= face["p_female"] <= 1, face
    assert len(drawn) == len(read), (drawn, read)
    for file in drawn:
        with Image.open(file, formats=["PNG"]) as image:
            image.load()
    return refusal


def _open_picture(data, _):
    from agegender_lib.photos import open_picture

    try:
        pixels = open_picture(data)
    except InputError as error:
        return str(error)
    assert pixels.dtype == "uint8" and pixels.ndim == 3 and pixels.shape[2] == 3, pixels.shape
    assert 1 <= min(pixels.shape[:2]) and max(pixels.shape[:2]) <= 2048, pixels.shape
    return ""


def _command(arguments, folder):
    import keras

    from agegender_lib.pipeline import cli

    out, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        code = cli.main(arguments)
    keras.utils.clear_session()
    assert "Traceback" not in said.getvalue() + out.getvalue(), said.getvalue()
    assert keras.src.saving.serialization_lib.in_safe_mode() is None, "safe mode was switched off"
    if code == 0:
        photos = json.loads((folder / "found.json").read_text())["photos"]
        given = sorted(str(file) for file in (folder / "faces").iterdir())
        assert sorted(photo["file"] for photo in photos) == given, (photos, given)
        framed = "--framed" in arguments  # what is one face already is one; elsewhere there may be none
        assert all(photo.get("error") or photo["faces"] or not framed for photo in photos), photos
        return ""
    assert code == 2, (code, said.getvalue())
    sentences = [line for line in said.getvalue().splitlines() if line.startswith("agegender: ")]
    assert len(sentences) == 1 and said.getvalue().endswith(sentences[0] + "\n"), said.getvalue()
    return sentences[0].removeprefix("agegender: ")


def _of_seed(make):
    return lambda seed, folder: make(Random(seed), folder)


TARGETS = {
    "file names": Target(names.NAMES, lambda name, _: name, _parse, 0.45, seconds=1, megabytes=50),
    "JPEGs": Target(
        SEEDS, lambda seed, _: pictures.a_picture(Random(seed)), _decode, 0.25, seconds=2, megabytes=100
    ),
    "sources": Target(SEEDS, _of_seed(archives.a_source), _import, 0.14),
    "bombs": Target(st.integers(0, len(archives.BOMBS) - 1), _bomb, _import, 0, seconds=10),
    "profiles": Target(
        SEEDS,
        _of_seed(lambda rng, at: settings.a_settings_file(rng, at, "profile")),
        _profile,
        0.08,
        warm=_warm_settings,
    ),
    "studies": Target(
        SEEDS,
        _of_seed(lambda rng, at: settings.a_settings_file(rng, at, "study")),
        _study,
        0.05,
        warm=_warm_settings,
    ),
    "spaces": Target(
        SEEDS,
        _of_seed(lambda rng, at: settings.a_settings_file(rng, at, "space")),
        _space,
        0.01,
        seconds=60,  # a space in order builds a network of every choice
        warm=_warm_settings,
    ),
    "weights": Target(SEEDS, _a_weights_file, _load_weights, 0.02, seconds=10, warm=_warm_models),
    "predictions": Target(SEEDS, _prediction, _command, 0.01, seconds=20, warm=_warm_models),
    "pictures": Target(
        SEEDS,
        lambda seed, _: pictures.a_photo(Random(seed)),
        _open_picture,
        0.05,
        seconds=10,
        megabytes=1000,
    ),
    # any photo is searched for faces at 1,024 x 1,024 pixels, whose convolutions take 600 MB
    "photos": Target(SEEDS, _photos, _annotating, 0.01, seconds=40, megabytes=1000, warm=_warm_photos),
}
