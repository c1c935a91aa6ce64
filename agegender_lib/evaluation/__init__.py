"""Read run folders and predictions; return tidy tables. Draws nothing and knows no Keras."""

from agegender_lib.evaluation.baselines import (
    baselines,
    beside_original,
    constant_predictions,
    original_report,
)
from agegender_lib.evaluation.groups import confidently_wrong, errors_by, running_median, worst
from agegender_lib.evaluation.metrics import compare, confusion, summarise
from agegender_lib.evaluation.quoted import headline, quote_comparison, quote_groups, quote_run
from agegender_lib.evaluation.runs import Run, read_run

__all__ = [
    "Run",
    "baselines",
    "beside_original",
    "compare",
    "confidently_wrong",
    "confusion",
    "constant_predictions",
    "errors_by",
    "headline",
    "original_report",
    "quote_comparison",
    "quote_groups",
    "quote_run",
    "read_run",
    "running_median",
    "summarise",
    "worst",
]
