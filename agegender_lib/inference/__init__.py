"""A trained model in use: its age distributions, Grad-CAM maps, and predictions of corrupted faces."""

from agegender_lib.inference.age_distributions import age_distributions, with_age_distribution
from agegender_lib.inference.grad_cam import explainer, grad_cams, randomised
from agegender_lib.inference.robustness import corrupted_predictions
