"""Commands: functions whose docstring is their help. Keras, which takes seconds, is imported only inside them.

They are imported in the order of the help: from faces to the report.
"""

from agegender_lib.pipeline.commands import faces, training, models, report  # noqa: I001
from agegender_lib.pipeline.commands.shared import COMMANDS
