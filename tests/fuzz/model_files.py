# ruff: noqa: E501  tables of cases
"""Model and weights files: small real ones, damaged, and such as carry code."""

import base64
import copy
import io
import json
import marshal
import pickle
import zipfile
from functools import cache
from pathlib import Path
from random import Random

import h5py
import keras
import numpy as np
from keras import layers

from .guard import PLANTED, SECRET
from .pictures import mutated

CONFIG, WEIGHTS = "config.json", "model.weights.h5"


def tiny_model() -> keras.Model:
    """A network that keeps the contract of a model file, and has a thousand weights."""
    keras.utils.set_random_seed(1)
    x = image = keras.Input((128, 128, 3))
    x = layers.Conv2D(4, 3, strides=8, name="conv")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    gender = layers.Dense(1, activation="sigmoid", name="gender_output")(x)
    return keras.Model(image, [gender, layers.Dense(1, name="age_output")(x)])


@cache
def originals() -> dict[str, bytes]:
    """The tiny model as .keras, .h5 and .weights.h5."""
    import logging
    import tempfile

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        logging.getLogger("absl").setLevel(logging.ERROR)  # it calls .h5 a thing of the past
        model = tiny_model()
        for suffix, save in (
            (".keras", model.save),
            (".h5", model.save),
            (".weights.h5", model.save_weights),
        ):
            save(Path(folder) / f"tiny{suffix}")
            found[suffix] = (Path(folder) / f"tiny{suffix}").read_bytes()
    return found


def a_model_file(rng: Random, folder: Path) -> Path:
    """A .keras or .h5 file: seldom the honest one."""
    if rng.random() < 0.25:
        return _legacy(rng, folder)
    path = folder / "model.keras"
    kind = rng.random()
    if kind < 0.06:
        path.write_bytes(originals()[".keras"])
    elif kind < 0.3:
        path.write_bytes(mutated(originals()[".keras"], rng))
    elif kind < 0.75:
        config = copy.deepcopy(_config())
        rng.choice((_changed, _changed, _evil))(config, rng, folder)
        _write(path, config=json.dumps(config).encode())
    elif kind < 0.9:
        _write(path, weights=_weights(rng, originals_weights()))
    else:
        _odd_archive(path, rng)
    return path


def a_weights_file(rng: Random, folder: Path) -> Path:
    """A .weights.h5 file: seldom the honest one."""
    path = folder / "given.weights.h5"
    kind = rng.random()
    if kind < 0.05:
        path.write_bytes(originals()[".weights.h5"])
    elif kind < 0.5:
        path.write_bytes(mutated(originals()[".weights.h5"], rng))
    elif kind < 0.9:
        path.write_bytes(_weights(rng, originals()[".weights.h5"]))
    else:
        path.write_bytes(
            rng.choice((b"", b"\x89HDF\r\n\x1a\n", _PICKLE, originals()[".keras"], originals()[".h5"]))
        )
        if rng.random() < 0.3:
            path = path.rename(folder / rng.choice(("a.keras", "a.h5", "a.json", "a.weights.json", "a")))
    return path


@cache
def _config() -> dict:
    with zipfile.ZipFile(io.BytesIO(originals()[".keras"])) as archive:
        return json.loads(archive.read(CONFIG))


@cache
def originals_weights() -> bytes:
    with zipfile.ZipFile(io.BytesIO(originals()[".keras"])) as archive:
        return archive.read(WEIGHTS)


def _write(path, config=None, weights=None, extra=(), method=zipfile.ZIP_STORED, left_out=()):
    config = json.dumps(_config()).encode() if config is None else config
    members = {
        "metadata.json": b"{}",
        CONFIG: config,
        WEIGHTS: originals_weights() if weights is None else weights,
    }
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in [*members.items(), *extra]:
            if name not in left_out:
                archive.writestr(name, data)


# What JSON can say

_ODD = (
    None, True, -1, 0, 1, 3, 10**5, 2**31, 10**9, 10**12, 2**64, 1.5, float("nan"), "", "x", "same", "relu", "float16",
    "x" * 5000, [], [[]], [None], [1, 2], [10**6, 10**6], {}, {"class_name": "Dense", "config": {}}, {"a": 1},
)  # fmt: skip


def _changed(config, rng, folder):
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        here = config
        while True:
            keys = list(here) if isinstance(here, dict) else list(range(len(here)))
            if not keys:
                break
            key = rng.choice(keys)
            if isinstance(here[key], (dict, list)) and here[key] and rng.random() < 0.9:
                here = here[key]
                continue
            if rng.random() < 0.2:
                del here[key]
            else:
                here[key] = copy.deepcopy(rng.choice(_ODD))
            break


# Code in a file. All of it would make a file of the name EXECUTED, or open what nobody may.

_SHELL = "touch executed; touch ../executed"
_PICKLE = pickle.dumps(Exception)[:0] + b"cos\nsystem\n(S'" + _SHELL.encode() + b"'\ntR."


def _code(legacy=False):
    source = f"lambda x: [__import__('os').system({_SHELL!r}), x][1]"
    text = base64.b64encode(marshal.dumps(eval(source).__code__)).decode()
    if legacy:
        return [text, None, None]
    parts = {"code": text, "defaults": None, "closure": None}
    return {"class_name": "__lambda__", "config": {**parts, "value": [text, None, None]}}


_GADGETS = (
    ("os", "system"), ("builtins", "exec"), ("builtins", "eval"), ("subprocess", "Popen"), ("posix", "system"),
    ("keras.config", "enable_unsafe_deserialization"), ("keras.src.config", "enable_unsafe_deserialization"),
    ("keras.utils", "get_file"), ("keras.src.utils.python_utils", "func_load"), ("keras.src.utils.file_utils", "get_file"),
    ("keras.saving", "load_model"), ("keras.src.saving.saving_lib", "load_model"), ("numpy", "load"), ("pickle", "loads"),
    ("keras.src.saving.serialization_lib", "deserialize_keras_object"), ("keras.src.backend.tensorflow", "numpy.load"),
    ("tensorflow", "py_function"), ("keras.src.utils.io_utils", "os.system"), (PLANTED, "Evil"), ("planted_by_fuzz.x", "y"),
    ("keras.src.utils.file_utils", "os.system"), ("agegender_lib.files", "replacing"), ("..os", "system"), ("", "exec"),
    ("keras.callbacks", "LambdaCallback"), ("keras.utils", "Sequence"), ("tensorflow.io", "read_file"), (None, "system"),
)  # fmt: skip


def _evil(config, rng, folder):
    """Put code, or a name of some, where an object is asked for."""
    secret = str(folder.parent / "outside" / SECRET)
    chain = config["config"]["layers"]
    place = next(n for n, layer in enumerate(chain) if layer["config"]["name"] == "relu")
    kind = rng.randrange(9)
    module, name = rng.choice(_GADGETS)
    function = {"class_name": "function", "config": name, "module": module, "registered_name": name}
    called = {
        "class_name": name,
        "config": {"command": _SHELL, "value": [_SHELL]},
        "module": module,
        "registered_name": name,
    }
    layer = chain[place]
    if kind == 0:
        config.update(class_name=name, module=module, registered_name=rng.choice((name, None, f"x>{name}")))
        if rng.random() < 0.5:
            config["config"] = {"command": _SHELL}
    elif kind == 1:
        layer.update(class_name=name, module=module, registered_name=rng.choice((name, None, f"x>{name}")))
    elif kind == 2:
        layer.update(
            _layer(
                "Lambda", {"function": rng.choice((_code(), _code(True), function, called)), "arguments": {}}
            )
        )
        layer["config"]["function_type"] = "lambda"
    elif kind == 3:
        layer.update(_layer("Activation", {"activation": rng.choice((_code(), function, called, name))}))
    elif kind == 4:
        chain[place - 1]["config"][
            rng.choice(("gamma_initializer", "beta_regularizer", "gamma_constraint"))
        ] = rng.choice((_code(), function, called))
    elif kind == 5:
        what = rng.choice(("StringLookup", "IntegerLookup", "TextVectorization"))
        layer.update(
            _layer(what, {"vocabulary": rng.choice((secret, f"file://{secret}", "http://localhost:9/x"))})
        )
    elif kind == 6:
        layer.update(_layer("TFSMLayer", {"filepath": str(folder / "saved")}))
    elif kind == 7:
        layer.update(
            _layer(
                "TorchModuleWrapper",
                {"module": {"class_name": "__bytes__", "config": {"value": _PICKLE.decode()}}},
            )
        )
    else:
        config["compile_config"] = {"optimizer": called, "loss": _code(), "metrics": [function]}
        config["build_config"] = called
    for key in ("name", "dtype"):
        layer.setdefault("config", {}).setdefault(key, {"name": "relu", "dtype": "float32"}[key])


def _layer(name, config):
    return {
        "class_name": name,
        "module": "keras.layers",
        "registered_name": None,
        "config": {"name": "relu", **config},
    }


# What HDF5 can say


def _weights(rng, data: bytes) -> bytes:
    """The file with datasets of other shapes or kinds, elsewhere, or only claimed."""
    memory = io.BytesIO(data)
    with h5py.File(memory, "r+") as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        for name in rng.sample(names, rng.choice((1, 1, 2, len(names)))):
            if file.get(name) is None:  # went with its group
                continue
            shape = file[name].shape
            kind = rng.randrange(9)
            if kind == 0:
                del file[name]
                continue
            if kind == 1:
                file.move(name, name + "x")
                continue
            if kind == 2:
                group = name.rpartition("/")[0]
                del file[group]
                if rng.random() < 0.5:
                    file[group] = np.zeros(3)
                continue
            del file[name]
            if kind == 3:
                file[name] = np.zeros(
                    rng.choice(((), (0,), (1, 1, 1, 1, 1), shape[::-1], (*shape, 1))), "float32"
                )
            elif kind == 4:
                file[name] = np.full(
                    shape, rng.choice((np.nan, np.inf, 1e38)), rng.choice(("float64", "float16"))
                )
            elif kind == 5:
                file.create_dataset(name, shape, h5py.string_dtype())
            elif kind == 6:
                # a shape without data: what is not stored costs nothing here, and terabytes where it is read
                side = rng.choice((10**4, 10**5, 10**6, 10**7))
                file.create_dataset(name, (side, side // 2), "float32", chunks=(1000, 1000))
            elif kind == 7:
                file[name] = rng.choice(
                    (
                        h5py.ExternalLink(f"/outside/{SECRET}", "/x"),
                        h5py.SoftLink("/nowhere"),
                        h5py.SoftLink(name),
                    )
                )
            else:
                file.create_dataset(name, (17,), "uint8", external=[(f"../outside/{SECRET}", 0, 17)])
    return memory.getvalue()


def _odd_archive(path, rng):
    kind = rng.randrange(9)
    if kind == 0:
        _write(
            path,
            extra=[
                (name, _PICKLE)
                for name in ("../executed", "assets/../../executed", "assets/x.pkl", "/tmp/executed")
            ],
        )
    elif kind == 1:
        _write(path, left_out=(rng.choice((CONFIG, WEIGHTS)),))
    elif kind == 2:
        memory = io.BytesIO()
        np.savez(memory, x=np.array([Exception], dtype=object))
        _write(
            path, extra=[("model.weights.npz", rng.choice((_PICKLE, memory.getvalue())))], left_out=(WEIGHTS,)
        )
    elif kind == 3:
        _write(path, method=rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)))
    elif kind == 4:
        _write(path, config=b" " * 100_000_000, method=zipfile.ZIP_DEFLATED)
    elif kind == 5:
        _write(path, weights=bytes(100_000_000), method=rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)))
    elif kind == 6:
        _write(
            path,
            config=rng.choice(
                (b"", b"[]", b"null", b"1", b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000)
            ),
        )
    elif kind == 7:
        path.write_bytes(rng.choice((b"", _PICKLE, b"PK\3\4", b"PK\5\6" + bytes(18), originals()[".h5"])))
    else:
        _write(
            path,
            extra=[
                (CONFIG, b"{}"),
                (f"assets/{'d/' * 300}x", b""),
                *[(f"assets/{n}", b"") for n in range(300)],
            ],
        )


def _legacy(rng, folder):
    path = folder / "model.h5"
    kind = rng.random()
    if kind < 0.5:
        path.write_bytes(rng.choice((mutated, mutated, lambda data, _: data))(originals()[".h5"], rng))
        return path
    path.write_bytes(originals()[".h5"] if kind < 0.85 else _weights(rng, originals()[".h5"]))
    if kind < 0.85:
        with h5py.File(path, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            if rng.random() < 0.5:
                _changed(config, rng, folder)
            elif rng.random() < 0.5:
                _evil(config, rng, folder)
            else:
                layer = next(item for item in config["config"]["layers"] if item["config"]["name"] == "relu")
                layer["class_name"] = "Lambda"
                layer.pop("module", None), layer.pop("registered_name", None)
                layer["config"] = {
                    "name": "relu",
                    "function": _code(True),
                    "function_type": "lambda",
                    "arguments": {},
                }
            file.attrs["model_config"] = json.dumps(config)[:64_000]
    return path
