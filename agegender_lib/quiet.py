"""Imports Keras without TensorFlow's greetings, which no setting silences and every notebook would keep.

Import this module before Keras. What an import that fails had to say is still said.
"""

import logging
import os
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

if "keras" not in sys.modules:
    sys.stderr.flush()
    # TensorFlow writes from C++, past sys.stderr, so the file descriptor itself has to lead elsewhere
    with tempfile.TemporaryFile() as said:
        before = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            import keras  # noqa: F401
        except BaseException:
            said.seek(0)
            os.write(before, said.read())
            raise
        finally:
            os.dup2(before, 2)
            os.close(before)

# many small trainings in one notebook are meant, and each has a graph of its own
logging.getLogger("tensorflow").addFilter(lambda record: "tf.function retracing" not in record.getMessage())
