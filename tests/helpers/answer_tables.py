"""Tables of predictions, as run folders keep them, of networks that nobody trained."""

import numpy as np
import pandas as pd

from agegender_lib.runs import Run


def answer_table(age, read, gender=0, p_female=0.1, race=0, duplicate_group=-1, split="validation"):
    """A table of predictions; everything but ``age`` and the age ``read`` may be one value for all faces."""
    columns = {
        "split": split,
        "age": np.asarray(age),
        "gender": gender,
        "race": race,
        "duplicate_group": duplicate_group,
        "age_predicted": np.asarray(read, dtype=float),
        "p_female": p_female,
    }
    table = pd.DataFrame(columns)
    table.insert(0, "file", [f"{number}.jpg" for number in range(len(table))])
    return table


def run_with(predictions, name="run", config=None, metrics=None):
    """A finished run that gave these answers."""
    provenance = {"data": {"rendered": True, "images": len(predictions)}}
    return Run(name, config or {}, provenance, pd.DataFrame(), predictions, metrics or {})
