"""Tables and arrays in, matplotlib figures out; knows no Keras and leaves no pyplot state behind."""

from .architecture import draw_architecture
from .calibration import abstention_curves, coverage_by_age, interval_coverage, reliability_diagrams
from .conflict import gradient_conflict, split_depth
from .curves import epoch_times, learning_curves, overlaid_curves
from .distributions import labels_overview
from .faces import augmentation_grid, duplicate_pairs, face_grid, worst_gallery
from .groups import crossings, group_gaps
from .label_noise import label_noise
from .photo import photo, photo_faces
from .predictions import compare_models, confusion_matrices, errors_per_group, true_vs_predicted
from .robustness import corrupted_faces, robustness_curves
from .saliency import saliency_gallery, saliency_maps, saliency_regions
from .studies import choice_differences, error_by_faces, fold_scores
from .style import save_figure
