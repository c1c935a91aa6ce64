"""Cases out of Hypothesis's strategies, by the number."""

from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st


def drawn(strategy: st.SearchStrategy, count: int, number: int) -> list[Any]:
    """So many draws; the same for the same number."""
    found: list[Any] = []

    @seed(number)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(case):
        found.append(case)

    draw()
    while found and len(found) < count:  # of few possible ones each was drawn
        found += found[: count - len(found)]
    return found
