"""A model in another file format, written only when it predicts there what it does in Keras."""

import logging
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np

from agegender_lib.errors import InputError
from agegender_lib.files import replacing
from agegender_lib.models.saving import load_model, save_model
from agegender_lib.models.weights import reason

#: Most that predictions may differ by: years, and of P(female).
MOST_YEARS, MOST_P_FEMALE = 0.001, 0.0001
_FACES = 32


def convert(model: keras.Model, path: str | Path) -> tuple[float, float]:
    """Write a model in the format that ``path`` ends in, and ask the file about drawn faces before it takes its name.

    ``.keras`` and ``.h5`` are Keras's, ``.onnx`` is for ONNX Runtime and ``.tflite`` for LiteRT. In all of them the
    picture is float32 [n, 128, 128, 3] in [0, 1], n any number, and the outputs are ``gender_output`` and
    ``age_output``. Returns the largest difference found, in years and of P(female). No file is written, and an
    InputError says why, if the format is unknown, a converter is missing or fails, or the differences are beyond
    :data:`MOST_YEARS` or :data:`MOST_P_FEMALE`.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        *others, last = FORMATS
        raise InputError(f"{path} is not a model file: give a name that ends in {', '.join(others)} or {last}")
    write, ask = FORMATS[path.suffix]
    faces = _drawn_faces()
    wanted = [np.asarray(output) for output in model.predict_on_batch(faces)]
    with replacing(path) as temporary:
        try:
            write(model, temporary)
            found = ask(temporary, faces)
        except InputError:
            raise
        except Exception as error:  # converters raise whatever they stumble over
            raise InputError(f"{path} cannot be written: the converter says {reason(error)}") from error
        p_female, years = (float(np.abs(one - other).max()) for one, other in zip(found, wanted, strict=True))
        # not "beyond": NaN is not near either
        if not (years <= MOST_YEARS and p_female <= MOST_P_FEMALE):
            raise InputError(
                f"{path} is not written: it predicts up to {years:.4f} years and {p_female:.5f} of P(female) "
                f"otherwise than the model, and {MOST_YEARS} and {MOST_P_FEMALE} are allowed"
            )
    return years, p_female


def _drawn_faces() -> np.ndarray:
    from agegender_lib.data.drawing.face import draw_face

    rng = np.random.default_rng(0)
    ages = np.linspace(1, 90, _FACES).astype(int)
    drawn = [draw_face(int(age), k % 2, k % 5, rng) for k, age in enumerate(ages)]
    return np.stack([np.asarray(face, "float32") for face in drawn]) / np.float32(255)


def _ask_keras(path: Path, faces: np.ndarray) -> list[np.ndarray]:
    return [np.asarray(output) for output in load_model(path).predict_on_batch(faces)]


def _write_onnx(model: keras.Model, path: Path) -> None:
    _check(path, "tf2onnx", "onnx", "onnxruntime")
    import onnx

    # a pass that merges transpositions stumbles over some graphs, and tf2onnx goes on without it
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that numpy 2 lost
        model.export(path, format="onnx", verbose=False)
    written = onnx.load(path)
    names = {one.name: name for one, name in zip(written.graph.output, model.output_names, strict=True)}
    for node in written.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for one in written.graph.output:
        one.name = names[one.name]
    for one in (*written.graph.input, *written.graph.output):
        one.type.tensor_type.shape.dim[0].dim_param = "n"
    onnx.save(written, path)


def _ask_onnx(path: Path, faces: np.ndarray) -> list[np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["gender_output", "age_output"], {"image": faces})


def _write_tflite(model: keras.Model, path: Path) -> None:
    _check(path, "ai_edge_litert")
    # only a dictionary's names are kept
    named = keras.Model(model.input, dict(zip(model.output_names, model.outputs, strict=True)))
    named.export(path, format="litert", verbose=False)


def _ask_tflite(path: Path, faces: np.ndarray) -> list[np.ndarray]:
    from ai_edge_litert.interpreter import Interpreter

    outputs = Interpreter(model_path=str(path)).get_signature_runner()(image=faces)
    return [outputs["gender_output"], outputs["age_output"]]


def _check(path: Path, *packages: str) -> None:
    """Refuse what cannot be converted here."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise InputError(
            f"{path.suffix} files are made with {' and '.join(missing)}, which this Python lacks: pip install "
            "'agegender[export]'"
        )
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"{path.suffix} files are made from TensorFlow's graph and this is {keras.backend.backend()}: set "
            "KERAS_BACKEND to tensorflow"
        )


#: By ending: how a file is written, and how it is asked about float32 faces.
FORMATS: dict[str, tuple[Callable, Callable]] = {
    ".keras": (save_model, _ask_keras),
    ".h5": (save_model, _ask_keras),
    ".onnx": (_write_onnx, _ask_onnx),
    ".tflite": (_write_tflite, _ask_tflite),
}
