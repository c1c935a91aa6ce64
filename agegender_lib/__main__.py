"""``python -m agegender_lib``: the command line."""

import sys

try:
    from agegender_lib.pipeline.cli import main
except ModuleNotFoundError as error:
    sys.exit(
        f"agegender: the package {error.name} is not installed for {sys.executable}: "
        "run `make setup` and use .venv/bin/python (see the README)"
    )
except KeyboardInterrupt:  # the imports take seconds
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
