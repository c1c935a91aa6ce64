"""Imports Keras as this library needs it: without greetings, exact, and set up by nobody's `keras.json` but for the
backend.

Import this module before Keras. An InputError names the `keras.json` or the variable with which Keras cannot start.
"""

import gc
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import absl.logging

from agegender_lib.errors import InputError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# a graphics card's memory as it is needed: the first of two chapters would take all of it
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
# Keras 2 in TensorFlow's name, which mtcnn would take, and limits that somebody set to try something out
for _name in ("TF_USE_LEGACY_KERAS", "KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH"):
    os.environ.pop(_name, None)


@contextmanager
def _without_greetings() -> Iterator[None]:
    """Keep TensorFlow's greetings from every notebook; no setting silences them. What a failure said is still said."""
    sys.stderr.flush()
    # they are written from C++, past sys.stderr, so the file descriptor itself has to lead elsewhere
    with tempfile.TemporaryFile() as said:
        before = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            yield
        except BaseException:
            said.seek(0)
            os.write(before, said.read())
            raise
        finally:
            os.dup2(before, 2)
            os.close(before)


def _cure() -> str | None:
    """What the user can fix where Keras does not start; None where nobody set anything up."""
    settings = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "keras.json"
    if backend := os.environ.get("KERAS_BACKEND"):
        return f"KERAS_BACKEND is {backend!r}, install it or take the variable away"
    return f"fix or remove {settings}" if settings.is_file() else None


# the collector would walk again and again through what an import makes and keeps: a sixth of its time
_collecting = gc.isenabled()
gc.disable()
try:
    with _without_greetings():
        import keras
except Exception as error:
    if cure := _cure():
        raise InputError(f"Keras cannot start ({error}): {cure}") from error
    raise
finally:
    # nor is there anything to find in it later, or at the end
    gc.freeze()
    if _collecting:
        gc.enable()

# it advises against .h5 at every saving; the coursework asks for it
absl.logging.set_verbosity(absl.logging.ERROR)
keras.config.set_image_data_format("channels_last")
keras.config.set_floatx("float32")
keras.config.set_epsilon(1e-7)

#: A graphics card's TF32 rounds factors to 10 bits; this variable set to 1 allows it, for speed.
TF32 = "AGEGENDER_TF32"


def _exact() -> None:
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(False)
    elif backend == "jax":
        import jax

        jax.config.update("jax_default_matmul_precision", "highest")
    elif backend == "torch":
        import torch

        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False


if os.environ.get(TF32) != "1":
    _exact()

# many small trainings in one notebook are meant, and each has a graph of its own
logging.getLogger("tensorflow").addFilter(lambda record: "tf.function retracing" not in record.getMessage())
