"""Read run folders and predictions; return tidy tables. Draws nothing and knows no Keras."""

from agegender_lib.evaluation.baselines import (
    baselines,
    beside_original,
    constant_predictions,
    original_report,
)
from agegender_lib.evaluation.conflict import gradient_cosines, gradient_depth, quote_gradients
from agegender_lib.evaluation.costs import fluctuation, training_costs
from agegender_lib.evaluation.cross_validation import (
    cross_validation_table,
    fold_spread,
    held_out,
    quote_cross_validation,
)
from agegender_lib.evaluation.ensembles import average_seeds, averaged, compare_averages
from agegender_lib.evaluation.groups import confidently_wrong, errors_by, running_median, worst
from agegender_lib.evaluation.label_noise import errors_on_duplicates, label_noise, quote_label_noise
from agegender_lib.evaluation.metrics import compare, compare_all, confusion, summarise
from agegender_lib.evaluation.quoted import headline, quote_comparison, quote_groups, quote_run
from agegender_lib.evaluation.robustness import quote_robustness, robustness_summary, robustness_table
from agegender_lib.evaluation.runs import Run, read_run
from agegender_lib.evaluation.studies import (
    compare_choices,
    quote_faces,
    quote_study,
    read_trainings,
    training_table,
)
from agegender_lib.evaluation.surprising import (
    most_surprising,
    planted_errors,
    quote_surprising,
    surprising_labels,
    wrong_genders,
)

__all__ = [
    "Run",
    "average_seeds",
    "averaged",
    "baselines",
    "beside_original",
    "compare",
    "compare_all",
    "compare_averages",
    "compare_choices",
    "confidently_wrong",
    "confusion",
    "constant_predictions",
    "cross_validation_table",
    "errors_by",
    "errors_on_duplicates",
    "fluctuation",
    "fold_spread",
    "gradient_cosines",
    "gradient_depth",
    "headline",
    "held_out",
    "label_noise",
    "most_surprising",
    "original_report",
    "planted_errors",
    "quote_comparison",
    "quote_cross_validation",
    "quote_faces",
    "quote_gradients",
    "quote_groups",
    "quote_label_noise",
    "quote_robustness",
    "quote_run",
    "quote_study",
    "quote_surprising",
    "read_run",
    "read_trainings",
    "robustness_summary",
    "robustness_table",
    "running_median",
    "summarise",
    "surprising_labels",
    "training_costs",
    "training_table",
    "worst",
    "wrong_genders",
]
