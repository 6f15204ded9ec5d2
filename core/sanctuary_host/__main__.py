"""`python -m sanctuary_host` is the command `sanctuary-host`."""

from sanctuary_host.cli import run

run()
