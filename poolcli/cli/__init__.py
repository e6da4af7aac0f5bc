"""The command line: a thin skin over the library. The only place that knows Typer."""

from poolcli.cli.main import main

__all__ = ["main"]
