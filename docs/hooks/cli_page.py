"""The reference of the command line, from the Typer application itself."""

import inspect
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from job_page import NOTHING
from typer import Typer
from typer.models import ArgumentInfo
from typer.utils import get_params_from_function

from jaxmargin.cli._app import app

__all__ = ["cli_pages", "commands"]

_KINDS = {Path: "PATH", str: "TEXT", int: "NUMBER", float: "NUMBER"}


def cli_pages() -> dict[str, str]:
    """The page, with a section for each command."""
    return {"cli.md": _HEAD + "\n".join(_section(*command) for command in commands())}


def commands() -> list[tuple[str, Any]]:
    """Every command and its function, by full name, such as `import deribit`; sorted."""
    return sorted(_walk("", app), key=lambda command: command[0])


def _walk(prefix: str, typer: Typer) -> Iterator[tuple[str, Any]]:
    for command in typer.registered_commands:
        function = command.callback
        assert function is not None
        yield prefix + (command.name or function.__name__.replace("_", "-")), function
    for group in typer.registered_groups:
        assert group.typer_instance is not None
        yield from _walk(f"{prefix}{group.name} ", group.typer_instance)


def _section(name: str, function: Any) -> str:
    parameters = get_params_from_function(function).values()
    rows = sorted(map(_row, parameters), key=lambda row: not row["argument"])
    usage = ["jaxmargin", name]
    usage += [r["usage"] for r in rows if r["argument"] or r["required"]]
    usage += ["[OPTIONS]"] * any(not (r["argument"] or r["required"]) for r in rows)
    lines = [f"## {name} {{ #{name.replace(' ', '-')} }}", "", "```text", " ".join(usage), "```"]
    lines += ["", _text(inspect.getdoc(function)), ""]
    if rows:
        lines += ["| argument or option | what | unless given |", "|---|---|---|"]
        lines += [f"| {row['shown']} | {row['help']} | {row['default']} |" for row in rows]
    return "\n".join(lines) + "\n"


def _row(parameter: Any) -> dict[str, Any]:
    """An argument or option as the page shows it."""
    info = parameter.default
    default = getattr(info, "default", info)
    required = default is ... or default is inspect.Parameter.empty
    help_text = _text(getattr(info, "help", "")).replace("\n", " ")
    if isinstance(info, ArgumentInfo):
        name = info.metavar or parameter.name.upper()
        usage, shown, argument = name if required else f"[{name}]", f"`{name}`", True
    else:
        flag = f"--{parameter.name.replace('_', '-')}"
        flags = list(getattr(info, "param_decls", None) or [flag])
        kind = "" if parameter.annotation is bool else _kind(parameter.annotation)
        usage = f"{flags[0]} {kind}".strip()
        shown = ", ".join(f"`{each}`" for each in flags) + (f" `{kind}`" if kind else "")
        argument = False
    empty = default in (None, False, "") or default == []
    value = default.value if isinstance(default, Enum) else default
    text = "required" if required else NOTHING if empty else f"`{value}`"
    return {
        "argument": argument, "required": required, "usage": usage, "shown": shown,
        "help": help_text, "default": text,
    }  # fmt: skip


def _kind(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(map(str, get_args(annotation)))
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)] or [annotation]
    if kinds != [annotation]:
        return _kind(kinds[0])
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(str(member.value) for member in annotation)
    return _KINDS.get(annotation, "VALUE")


def _text(help_text: str | None) -> str:
    return (help_text or "").replace("|", "\\|").replace("[", "\\[").strip()


_HEAD = """# Command line

Made from the program's own options: `jaxmargin COMMAND --help` says the same. What a job file may
say is [here](job.md); what its tables hold, [here](tables.md). Exit codes are
[listed](concepts/jobs.md#exit-codes) with the batch runs.

"""
