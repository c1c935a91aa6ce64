"""Read run folders and predictions; return tidy tables. Draws nothing and knows no Keras."""

from agegender_lib.evaluation.abstention import age_abstention, gender_abstention
from agegender_lib.evaluation.age_intervals import age_coverage
from agegender_lib.evaluation.age_spread import age_spread
from agegender_lib.evaluation.baselines import (
    baselines,
    beside_original,
    constant_predictions,
    original_report,
)
from agegender_lib.evaluation.calibration import expected_calibration_error, reliability
from agegender_lib.evaluation.calibration_summary import calibration_summary
from agegender_lib.evaluation.conflict import gradient_cosines, gradient_depth, mean_cosine
from agegender_lib.evaluation.costs import fluctuation, training_costs, training_facts
from agegender_lib.evaluation.cross_validation import (
    cross_validation_table,
    fold_spread,
    held_out,
)
from agegender_lib.evaluation.ensembles import average_seeds, averaged, compare_averages
from agegender_lib.evaluation.gaps import GAP_GROUPINGS, gaps, gaps_of
from agegender_lib.evaluation.groups import errors_by, running_median, worst
from agegender_lib.evaluation.headline import headline
from agegender_lib.evaluation.label_noise import errors_on_duplicates, label_noise
from agegender_lib.evaluation.metrics import compare, compare_all, confusion, summarise
from agegender_lib.evaluation.robustness import robustness_summary, robustness_table
from agegender_lib.evaluation.saliency.faces import saliency_examples, sample_faces
from agegender_lib.evaluation.saliency.maps import (
    mean_faces,
    mean_maps,
    randomisation_check,
    region_shares,
    relative_maps,
)
from agegender_lib.evaluation.seeds import seed_spread
from agegender_lib.evaluation.studies import (
    compare_choices,
    read_trainings,
    training_table,
)
from agegender_lib.evaluation.surprising import (
    most_surprising,
    planted_errors,
    surprising_labels,
    wrong_genders,
)
from agegender_lib.evaluation.temperature import temperature_scaled
from agegender_lib.runs import Run, read_run

__all__ = [
    "GAP_GROUPINGS",
    "Run",
    "age_abstention",
    "age_coverage",
    "age_spread",
    "average_seeds",
    "averaged",
    "baselines",
    "beside_original",
    "calibration_summary",
    "compare",
    "compare_all",
    "compare_averages",
    "compare_choices",
    "confusion",
    "constant_predictions",
    "cross_validation_table",
    "errors_by",
    "errors_on_duplicates",
    "expected_calibration_error",
    "fluctuation",
    "fold_spread",
    "gaps",
    "gaps_of",
    "gender_abstention",
    "gradient_cosines",
    "gradient_depth",
    "headline",
    "held_out",
    "label_noise",
    "mean_cosine",
    "mean_faces",
    "mean_maps",
    "most_surprising",
    "original_report",
    "planted_errors",
    "randomisation_check",
    "read_run",
    "read_trainings",
    "region_shares",
    "relative_maps",
    "reliability",
    "robustness_summary",
    "robustness_table",
    "running_median",
    "saliency_examples",
    "sample_faces",
    "seed_spread",
    "summarise",
    "surprising_labels",
    "temperature_scaled",
    "training_costs",
    "training_facts",
    "training_table",
    "worst",
    "wrong_genders",
]
