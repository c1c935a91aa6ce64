"""Commands: a module each, with its options (``add``) and what it does (``run``), said in its help.

Keras is imported only inside those functions that need it: it takes seconds.
"""

from agegender_lib.pipeline.commands import app, convert, data, evaluate, predict, report, search, study, train

#: in the order of the help: from faces to the report
COMMANDS = (data, train, study, search, evaluate, predict, app, convert, report)
