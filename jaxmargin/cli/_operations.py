"""Options of commands that operators watch."""

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = ["LogFile", "LogFormat"]

LogFile = Annotated[
    Path | None, typer.Option(help="File to append events to; it says nothing of the book.")
]
LogFormat = Annotated[Literal["text", "json"], typer.Option(help="Form of its lines.")]
