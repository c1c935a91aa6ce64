"""The one exception a user is meant to read."""


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one sentence that says what was found, where, and what to do. The command line prints it
    without a traceback and exits with code 2.
    """
