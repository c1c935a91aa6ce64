"""What the models say of one face, as HTML."""

import html

import pandas as pd

from agegender_lib.data import GENDERS

from .face_table import LEVEL, of
from .selection import SPLITS


def answers_table(face: pd.Series, models: list[str]) -> str:
    """What each model says of a face, and how far from its labels, as HTML; a sentence where there is nothing.

    Parameters
    ----------
    face : Series
        A row of ``face_table``.
    models : list of str
    """
    if not models:
        return "<p>No model has read this face.</p>"
    rows, sides = [], {}
    for name in models:
        if pd.isna(face[of("age_predicted", name)]):
            rows.append(f"<tr><th>{html.escape(name)}</th><td colspan='4'>has not read this face</td></tr>")
            continue
        sides.setdefault(face[of("split", name)], []).append(name)
        p_female, wrong = face[of("p_female", name)], face[of("gender_wrong", name)]
        gender = f"{GENDERS[int(p_female >= 0.5)]}, " + (
            "<span class='wrong'>wrong</span>" if wrong else "right"
        )
        rows.append(
            f"<tr><th>{html.escape(name)}</th><td>{face[of('age_predicted', name)]:.1f}{_interval(face, name)}</td>"
            f"<td>{_signed(face[of('age_error', name)])}</td><td>{gender}</td><td>{p_female:.3f}</td></tr>"
        )
    head = f"<tr><th></th><th>age ({LEVEL:.0%} interval)</th><th>error</th><th>gender</th><th>P(female)</th></tr>"
    return f"<h4>What the models say</h4><table>{head}{''.join(rows)}</table>" + "".join(
        f"<p class='quiet'>{_side(split, names, len(models))}</p>" for split, names in sides.items()
    )


def _interval(face: pd.Series, name: str) -> str:
    low, high = (face.get(of(end, name)) for end in ("age_low", "age_high"))
    return "" if low is None or pd.isna(low) else f" ({low:.0f} to {high:.0f})"


def _signed(years: float) -> str:
    return f"{years:+.1f} years".replace("-", "−")


def _side(split: str, names: list[str], models: int) -> str:
    who = "these models" if len(names) == models > 1 else " and ".join(map(html.escape, names))
    if split == "validation":
        return f"A {SPLITS[split]} face: {who} never learnt from it."
    if split == "train":
        return (
            f"A {SPLITS[split]} face: {who} learnt from it, so an answer near the label says little about other faces. "
            "Intervals are kept of validation faces only."
        )
    return f"A face that {who} neither learnt from nor was judged by."
