"""The command that lists rulebooks: settings, sources, and how far each part is known."""

from typing import Annotated

import typer

__all__ = ["rulebooks"]


def rulebooks(
    name: Annotated[
        str | None, typer.Argument(help="Rulebook, for its parts and settings.")
    ] = None,
) -> None:
    """List rulebooks, or show one: what is verified, its sets of settings and their sources."""
    from jaxmargin.jobs import list_rulebooks, show_rulebook
    from jaxmargin.report import print_plain

    print_plain(list_rulebooks() if name is None else show_rulebook(name))
