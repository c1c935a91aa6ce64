"""Run folders and tables with something wrong in them: read and summed up, or refused in a sentence."""

import json
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from explorer_tools import faces_of, write_run
from hypothesis import given
from hypothesis import strategies as st
from outcomes import outcome
from tiny_faces import write_folder

from agegender_lib import lab
from agegender_lib.evaluation import evaluate, read_run
from tests.robustness import bad_inputs as bad

FACES = faces_of()
FILES = ("config.json", "provenance.json", "metrics.json", "history.csv", "predictions.csv")
CELLS = ("", " ", "x", "nan", "inf", "-1", "0.5", "1e400", "7", "train", "000_10.jpg", "\u202e", '"')


@cache
def whole() -> dict[str, bytes]:
    """The files of a run folder in order."""
    with TemporaryDirectory() as folder:
        run = write_run(Path(folder) / "run", FACES)
        return {name: (run / name).read_bytes() for name in FILES}


@st.composite
def tables(draw, text: bytes) -> bytes:
    """A cell, a row or a column is other than it was, or a row stands there twice."""
    table = pd.read_csv(StringIO(text.decode()), dtype=str)
    for _ in range(draw(st.integers(0, 3))):
        row, column = draw(st.integers(0, len(table) - 1)), draw(st.sampled_from(list(table.columns)))
        kind = draw(st.sampled_from(("cell", "cell", "cell", "column", "name", "rows", "double", "fill")))
        if kind == "cell":
            table.loc[row, column] = draw(st.sampled_from(CELLS))
        elif kind == "fill":
            table[column] = draw(st.sampled_from(CELLS))
        elif kind == "name":
            table = table.rename(columns={column: draw(st.sampled_from((column.upper(), "", "age", "loss")))})
        elif kind == "column" and table.shape[1] > 1:
            table = table.drop(columns=column)
        elif kind == "rows" and row:
            table = table.head(row)
        elif kind == "double":
            table = pd.concat([table, table.iloc[[row]]], ignore_index=True)
    return table.to_csv(index=False, quoting=draw(st.sampled_from((0, 1)))).encode()


@st.composite
def run_folders(draw) -> dict[str, bytes]:
    files = dict(whole())
    name = draw(st.sampled_from(FILES))
    kind = draw(st.sampled_from(("content", "content", "content", "damaged", "gone")))
    if kind == "gone":
        del files[name]
    elif kind == "damaged":
        files[name] = draw(bad.damaged(files[name]))
    elif name.endswith(".csv"):
        files[name] = draw(tables(files[name]))
    else:
        files[name] = json.dumps(draw(bad.changed(json.loads(files[name])))).encode()
    return files


@bad.cases(4)
@given(run_folders())
def test_run_folders(files):
    with TemporaryDirectory() as place:
        folder = write_folder(Path(place) / "run", files)
        run, refusal = outcome(lambda: read_run(folder))
        if not refusal:
            table, refusal = outcome(lambda: evaluate(run.validation))
            # where all are of one gender some scores have no value
            assert refusal or not np.isinf(table.select_dtypes("number")).any(axis=None)
        # the list of runs is of what there is, and a damaged one is none
        outcome(lambda: lab.find_runs(FACES, Path(place) / "nowhere", [folder]))
        outcome(lambda: lab.find_runs(FACES, Path(place) / "nowhere"))


def test_a_run_folder_in_order_is_read(tmp_path):
    run = read_run(write_folder(tmp_path / "run", whole()))
    assert len(run.predictions) == len(FACES) and len(run.history) == 3
