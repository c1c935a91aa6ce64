"""How far trainings are, as HTML: the figure's numbers for those who cannot see it."""

import html
import time
from collections.abc import Sequence

import pandas as pd

from .histories import Training


def training_table(read: Sequence[tuple[Training, pd.DataFrame | None, str]], drawn: int) -> str:
    """How far each training is and the best it has reached, as HTML.

    Parameters
    ----------
    read : sequence of tuples
        Training, its history where it has one, and what is wrong with that, in words.
    drawn : int
        So many of them are drawn at most.
    """
    rows = []
    for training, history, problem in read:
        cells = [training.name, *_progress(training, history)]
        rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
        if problem:
            rows.append(f"<tr><td colspan='5'>{html.escape(problem)}</td></tr>")
    heads = ("training", "epochs", "best age error", "best gender accuracy", "")
    head = "".join(f"<th>{words}</th>" for words in heads)
    over = f"<p>Only the first {drawn} are drawn.</p>" if len(read) > drawn else ""
    return f"<table><tr>{head}</tr>{''.join(rows)}</table><p>Of the validation faces, in years and per cent.</p>{over}"


def _progress(training: Training, history: pd.DataFrame | None) -> list[str]:
    if history is None:
        return ["none finished yet", "", "", "finished" if training.finished else ""]
    clock = time.strftime("%d %b, %H:%M:%S", time.localtime(training.time))
    return [
        f"{len(history)} of {training.epochs}",
        f"{history['val_age_mae'].min():.2f} years",
        f"{100 * history['val_gender_accuracy'].max():.1f} %",
        "finished" if training.finished else f"last epoch {clock}",
    ]
