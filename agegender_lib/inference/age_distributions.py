"""The distribution over ages that a trained model's age is the mean of; those of a run are kept in its run folder."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import layers

from agegender_lib.data import FaceSet
from agegender_lib.errors import InputError
from agegender_lib.files import replacing
from agegender_lib.models import load_model
from agegender_lib.models.flat import flat, walk
from agegender_lib.models.heads import AGES
from agegender_lib.models.predict import as_floats, in_batches
from agegender_lib.runs import DISTRIBUTIONS, MODEL, read_distributions, validation_rows

# Years between an age kept in predictions.csv and the distribution's mean: rounding and another machine's arithmetic.
_TOLERANCE = 0.05


def with_age_distribution(model: keras.Model) -> keras.Model | None:
    """``model`` with the age distribution behind its age as one more output, the last.

    A saved model predicts an expected age and may average several parts: members, mirror images. The distribution
    is the mixture of its parts' distributions with equal weights, whose mean is exactly the age the model gives, and
    whose spread holds both what each part is unsure of and how far the parts disagree (Lakshminarayanan et al. 2017,
    arXiv 1612.01474, section 2.4).

    Returns
    -------
    keras.Model or None
        Its last output, float32 [n, ages], holds the probabilities of the ages 0, 1, ... years, which sum to 1. None
        where an age does not come from a distribution, but from a regression head.
    """
    plain = flat(model)
    ages = [layer for layer in plain.layers if layer.name.endswith("age_output")]
    heads = [layer for layer in ages if isinstance(layer, layers.Dense)]
    if not heads or any(layer.use_bias for layer in heads):
        return None
    found = {}

    def visit(layer, inputs, **keywords):
        output = layer(inputs, **keywords)
        if layer in heads:
            found[id(output)] = inputs if inputs.shape[-1] == len(AGES) else _from_survival(inputs)
        elif layer in ages:  # Keras gives the mixture a name of its own
            found[id(output)] = layers.Average()([found[id(age)] for age in inputs])
        return output

    outputs = walk(plain, visit)
    age = outputs[plain.output_names.index("age_output")]
    return keras.Model(plain.input, [*outputs, found[id(age)]], name=plain.name)


def _from_survival(survival):
    """P(age is k) from P(older than k): 1 - s0, s0 - s1, ... and the last one as it is, by a frozen Dense layer."""
    steps = survival.shape[-1]
    layer = layers.Dense(steps + 1, trainable=False, dtype="float32")
    found = layer(survival)
    layer.set_weights([np.eye(steps, steps + 1, 1) - np.eye(steps, steps + 1), np.eye(1, steps + 1)[0]])
    return found


def age_distributions(run_folder: str | Path, faces: FaceSet) -> pd.DataFrame | None:
    """The distributions over ages of which a run's predictions for its validation faces are the means.

    They are kept in the run folder as ``age_distributions.npz``, which a later call reads.

    Returns
    -------
    DataFrame or None
        float32; a row per validation face in the order of predictions.csv, its index the file; a column per age in
        years (int: 0, 1, ...). None where the model's age head is a regression, which has no distribution.
    """
    folder = Path(run_folder)
    held_out, rows = validation_rows(folder, faces)
    kept, table = folder / DISTRIBUTIONS, read_distributions(folder)
    if table is None:
        model = with_age_distribution(load_model(folder / MODEL))
        if model is None:
            return None

        def distribution(batch):
            return model.predict_on_batch(as_floats(batch))[-1:]

        (values,) = in_batches(distribution, faces.images, rows=rows, doing="age distributions")
        table = pd.DataFrame(values, index=pd.Index(held_out["file"], name="file"))
    _check(table, held_out, folder)
    if not kept.is_file():
        with replacing(kept) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, files=table.index.to_numpy(str), distribution=table.to_numpy())
    return table


def _check(table: pd.DataFrame, held_out: pd.DataFrame, folder: Path) -> None:
    if table.index.tolist() != held_out["file"].tolist():
        raise InputError(
            f"{folder / DISTRIBUTIONS} does not hold the validation faces of predictions.csv: delete it to compute it "
            "again"
        )
    means = table.to_numpy(np.float64) @ table.columns.to_numpy(np.float64)
    apart = float(np.abs(means - held_out["age_predicted"]).max())
    if not apart <= _TOLERANCE:
        raise InputError(
            f"in {folder} the age distributions' means are up to {apart:.2f} years from the ages in predictions.csv: "
            f"delete {DISTRIBUTIONS} if it is there; else model.keras is not the model that made predictions.csv, so "
            "train again"
        )
