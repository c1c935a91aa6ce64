"""How numbers are written in the report: jinja filters, usable as column formats of tables too."""

import math
from collections.abc import Callable

from jinja2 import Undefined

MINUS, NO_BREAK = "−", "\u00a0"


def years(value: float, digits: int = 2) -> str:
    """5.934 -> '5.93'."""
    return rounded(value, digits)


def percent(value: float, digits: int = 1) -> str:
    """A fraction as percentage: 0.9012 -> '90.1 %', the space not breaking."""
    return f"{rounded(100 * _number(value), digits)}{NO_BREAK}%"


def count(value: float) -> str:
    """4000 -> '4,000'."""
    if _number(value) != round(value):
        raise ValueError(f"{value} is not a whole number")
    return f"{round(value):,}".replace("-", MINUS)


def signed(value: float, digits: int = 2) -> str:
    """A difference: 0.416 -> '+0.42', -0.4 -> '−0.40'; zero has no sign."""
    text = rounded(value, digits)
    return text if text.startswith(MINUS) or not float(text) else f"+{text}"


def rounded(value: float, digits: int = 0) -> str:
    """`round`, keeping the zeros: 2.0 | round(1) -> '2.0'."""
    text = f"{_number(value):.{digits}f}"
    return text.replace("-", MINUS if float(text) else "")  # no minus zero


def duration(seconds: float) -> str:
    """Seconds in words: 42 -> '42 s', 200 -> '3 min 20 s', 5000 -> '1 h 23 min'."""
    whole = round(_number(seconds))
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    parts = [(hours, "h"), (minutes, "min")] if hours else [(minutes, "min"), (rest, "s")]
    texts = [f"{number}{NO_BREAK}{unit}" for number, unit in parts if number]
    return " ".join(texts) or (f"{seconds:.1f}{NO_BREAK}s")


def scientific(value: float, digits: int = 1) -> str:
    """As maths: 0.0003 -> '$3 \\times 10^{-4}$', 0.001 -> '$10^{-3}$'."""
    mantissa, exponent = f"{_number(value):.{digits}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    power = f"10^{{{int(exponent)}}}"
    return f"${power}$" if mantissa == "1" else f"${mantissa} \\times {power}$"


def _number(value: object) -> float:
    if isinstance(value, Undefined):
        str(value)  # raises the error that names the placeholder
    if isinstance(value, bool) or not hasattr(value, "__float__") or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a number")
    return value


FORMATS: dict[str, Callable] = {
    "years": years,
    "percent": percent,
    "count": count,
    "signed": signed,
    "round": rounded,
    "duration": duration,
    "scientific": scientific,
}


def written(value: object, form: str) -> str:
    """A value as a filter of that name writes it, or as a Python format such as ".2f" does."""
    return FORMATS[form](value) if form in FORMATS else format(value, form)
