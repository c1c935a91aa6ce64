"""Where the published models open: `python tests/portability.py [FACES]` asks every version that they are promised for.

Each version gets an environment of its own in build/portability, kept for the next time, and opens there, without this
library, the files of report/models and what the command `convert` makes of them. The table is printed and its summary
written into README.md, from where the model card takes it. FACES is an archive or a folder; drawn faces else.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from agegender_lib import folders
from agegender_lib.data import load_dataset
from agegender_lib.models import convert, load_model
from agegender_lib.pipeline.readme import OPENS_IN, with_table

MODELS = sorted((folders.REPORT / "models").glob("*.keras"))
BUILD = folders.ROOT / "build" / "portability"
KERAS_3, KERAS_2 = (".keras", ".h5"), (".h5",)
#: What is asked: its packages, the endings that it opens, and the Python it needs, where not any will do.
READERS = {
    "TensorFlow 2.8.4 (Keras 2)": (["tensorflow-cpu==2.8.4", "protobuf<3.21", "numpy<1.24"], KERAS_2, "3.10"),
    "TensorFlow 2.15.1 (Keras 2)": (["tensorflow-cpu==2.15.1"], KERAS_2, "3.11"),
    "Keras 3.0.5, TensorFlow 2.16.1": (["tensorflow-cpu==2.16.1", "keras==3.0.5"], KERAS_3, "3.11"),
    **{
        f"Keras {version}, JAX": ([f"keras=={version}", "jax==0.10.2", "h5py", "packaging"], KERAS_3, "3.11")
        for version in ("3.3.3", "3.6.0", "3.8.0", "3.10.0", "3.12.0", "3.14.0", "3.15.1")
    },
    "ONNX Runtime 1.32.0": (["onnxruntime==1.32.0"], (".onnx",), "3.11"),
    "LiteRT 2.3.0": (["ai-edge-litert==2.3.0", "numpy"], (".tflite",), "3.11"),
}
READ = """
import json, sys, time
import numpy as np

faces, found = np.load("faces.npy"), {}

def by_keras(file):
    import keras
    model = keras.models.load_model(file, compile=False)
    return lambda: model.predict(faces, verbose=0)

def by_tensorflow(file):
    import tensorflow as tf
    model = tf.keras.models.load_model(file, compile=False)
    return lambda: model.predict(faces, verbose=0)

def by_onnx(file):
    import onnxruntime
    session = onnxruntime.InferenceSession(file)
    return lambda: session.run(["gender_output", "age_output"], {"image": faces})

def by_litert(file):
    from ai_edge_litert.interpreter import Interpreter
    runner = Interpreter(model_path=file).get_signature_runner()
    return lambda: [runner(image=faces)[name] for name in ("gender_output", "age_output")]

reader, files = sys.argv[1], sys.argv[2:]
for name in {"by_keras": ["keras"], "by_tensorflow": ["tensorflow"], "by_onnx": ["onnxruntime"]}.get(reader, []):
    __import__(name)  # its seconds are not the file's
for file in files:
    try:
        begun = time.perf_counter()
        ask = globals()[reader](file)
        seconds = time.perf_counter() - begun
        found[file] = [seconds, [np.asarray(answer).tolist() for answer in ask()]]
    except Exception as error:
        found[file] = f"{type(error).__name__}: {str(error)[:200]}"
json.dump(found, open("found.json", "w"))
"""


def environment(name: str, packages: list[str], version: str) -> Path:
    """The Python of an environment that holds these packages."""
    folder = BUILD / name.split(" (")[0].replace(" ", "-").replace(",", "")
    python, done = folder / "bin" / "python", folder / "packages.json"
    if not done.is_file() or json.loads(done.read_text()) != packages:
        shutil.rmtree(folder, ignore_errors=True)
        base = shutil.which(f"python{version}") or sys.executable
        subprocess.run([base, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        done.write_text(json.dumps(packages))
    return python


def ask(name: str, files: list[Path], folder: Path) -> dict:
    """By file name what a reader says of the faces, and how long it took to open; or why it does not open."""
    packages, _, version = READERS[name]
    python = environment(name, packages, version)
    kind = "by_tensorflow" if "Keras 2" in name else "by_keras"
    kind = {"ONNX": "by_onnx", "LiteRT": "by_litert"}.get(name.split(" ")[0], kind)
    backend = "jax" if "JAX" in name else "tensorflow"
    settings = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "KERAS"))}
    settings |= {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    command = [python, "-I", "-c", READ, kind, *(file.name for file in files)]
    subprocess.run(command, cwd=folder, env=settings, check=True)
    return json.loads((folder / "found.json").read_text())


def measure(faces: np.ndarray, folder: Path) -> pd.DataFrame:
    """A row per reader and file, after writing every file in every format."""
    np.save(folder / "faces.npy", faces)
    wanted = {}
    for source in MODELS:
        model = load_model(source)
        wanted[source.stem] = [np.asarray(answer) for answer in model.predict_on_batch(faces)]
        shutil.copy(source, folder)
        for suffix in (".h5", ".onnx", ".tflite"):
            if source.with_suffix(suffix).is_file():
                shutil.copy(source.with_suffix(suffix), folder)
            else:
                convert(model, folder / f"{source.stem}{suffix}")
    rows = []
    for name, (_, suffixes, _) in READERS.items():
        files = [folder / f"{source.stem}{suffix}" for suffix in suffixes for source in MODELS]
        for file, said in ask(name, files, folder).items():
            row = {"reader": name, "file": file, "opens": not isinstance(said, str)}
            if row["opens"]:
                row["seconds"] = said[0]
                row["p_female"], row["years"] = (
                    float(np.abs(np.array(one) - other).max())
                    for one, other in zip(said[1], wanted[Path(file).stem], strict=True)
                )
            else:
                row["why"] = said
            rows.append(row)
            print(row, flush=True)
    return pd.DataFrame(rows)


def main() -> None:
    """Measure, print, and write the table down."""
    faces = load_dataset(sys.argv[1] if len(sys.argv) > 1 else "")
    rows = np.linspace(0, len(faces) - 1, 64).astype(int)
    with tempfile.TemporaryDirectory() as folder:
        table = measure(np.asarray(faces.images[rows], "float32") / 255, Path(folder))
    print(table.to_string(index=False))
    table["format"] = table["file"].map(lambda name: Path(name).suffix)
    lines = ["| opens in | files | slowest | age differs by | P(female) differs by |", "|---|---|--:|--:|--:|"]
    for reader, rows in table.groupby("reader", sort=False):
        formats = ", ".join(f"{one['opens'].sum()} `{form}`" for form, one in rows.groupby("format", sort=False))
        most = rows[["seconds", "years", "p_female"]].max()
        lines.append(
            f"| {reader} | {formats} | {most['seconds']:.0f} s | {most['years']:.6f} years | {most['p_female']:.7f} |"
        )
    readme = folders.ROOT / "README.md"
    text = with_table(readme.read_text(encoding="utf-8"), *OPENS_IN, "\n".join(lines))
    readme.write_text(text, encoding="utf-8")
    if not table["opens"].all():
        sys.exit("not everything opens")


if __name__ == "__main__":
    main()
