"""What all tests of evaluation share."""

import pytest

from agegender_lib.evaluation.labels import label_errors
from agegender_lib.evaluation.statistics import bootstrap


@pytest.fixture(scope="module", autouse=True)
def few_resamples():
    """200 of them, as most tests ask how an interval comes about and not for its digits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "RESAMPLES", 200)
        patch.setattr(label_errors, "_RESAMPLES", 200)
        yield
