"""The entry point of the command `sanctuary-host`, which is `python -m sanctuary_host` too."""

import sys
from typing import NoReturn

from sanctuary_host.environment import Environment


def run() -> NoReturn:
    """Take the environment, then run the command line."""
    environment = Environment.take()
    # Imported only now: modules such as the standard library's wsgiref keep a copy of the environment for good.
    from sanctuary_host.cli import main  # noqa: PLC0415  # see above

    sys.exit(main(environment))


if __name__ == "__main__":
    run()
