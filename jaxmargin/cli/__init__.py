"""The command line."""

from jaxmargin.cli._app import main as main
