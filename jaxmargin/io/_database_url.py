"""Addresses of databases: read from text, filled from the environment, shown without secrets."""

import os
import re
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, unquote

from jaxmargin.io._problems import Problems

__all__ = ["DatabaseUrl", "TableSource", "hide_secrets", "is_source", "open_url", "parse_source"]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SHOWN = 300  # characters of a driver's message
_NAME = 180  # characters of a file's name, of the 255 that file systems allow
_FILES = ("sqlite", "duckdb")  # databases that are a file


@dataclass(frozen=True)
class TableSource:
    """A table or view of a database, as a job file names it: `URL::table`.

    Attributes:
        url: as written, with its `${NAME}`; it may hold a password, so only `label` is shown.
        table: name of the table or view, perhaps with its schema before a dot.
        folder: that the path of a database file counts from.
    """

    url: str = field(repr=False)
    table: str
    folder: Path

    @property
    def label(self) -> str:
        """`URL::table` without passwords."""
        return f"{hide_secrets(self.url)}::{self.table}"

    @property
    def file_name(self) -> str:
        """Of its snapshot: says table and database, as messages name files."""
        kind, _, rest = hide_secrets(self.url).partition("://")
        place = rest.rpartition("@")[2].removeprefix("/")
        kind = kind.split("+")[0].strip("${}")
        where = re.sub(r"[/:${}*]+", "-", f"{kind}-{place}" if place else kind).strip("-")
        name = f"{quote(self.table, safe=' ')}@{quote(where, safe=' ')}"
        if len(name) > _NAME:
            name = f"{name[:_NAME]}-{sha256(self.label.encode()).hexdigest()[:12]}"
        return f"{name}.parquet"


@dataclass(frozen=True)
class DatabaseUrl:
    """The address of a database, ready to be opened.

    Attributes:
        label: how it may be shown.
        text: the whole address, secrets and all.
        kind: `sqlite`, `duckdb`, `postgresql`, ...
        path: of a database that is a file; else None.
        secrets: what may not be shown, each with what is shown in its place.
    """

    label: str
    text: str = field(repr=False)
    kind: str
    path: Path | None
    secrets: tuple[tuple[str, str], ...] = field(repr=False)

    def explain(self, error: BaseException) -> str:
        """The first line of a driver's message, without secrets and final stop."""
        cause = getattr(error, "orig", None) or error  # what the driver itself said
        lines = str(cause).strip().splitlines()
        said = " ".join(lines[0].split()) if lines else type(cause).__name__
        for secret, shown in self.secrets:
            said = said.replace(secret, shown)
        return said[:_SHOWN].rstrip(". ")


def is_source(text: str) -> bool:
    """Whether a text of a job file is `URL::table`, not a path."""
    url, found, _ = text.rpartition("::")
    return bool(found) and ("://" in url or _VARIABLE.fullmatch(url) is not None)


def parse_source(text: str, folder: Path) -> TableSource:
    """The source that `text` names; paths of database files count from `folder`."""
    url, _, table = text.rpartition("::")
    return TableSource(url, table, folder)


def hide_secrets(url: str) -> str:
    """An address without password and query; nothing but its kind where they cannot be told."""
    kind, found, rest = url.partition("://")
    if not found:
        return url if _VARIABLE.fullmatch(url) else "***"
    user, at, place = rest.rpartition("@")
    place, _, query = place.partition("?")
    if "?" in user or "@" in query:
        return f"{kind}://***"
    name, colon, _ = user.partition(":")
    return f"{kind}://{name}{':***' if colon else ''}{at}{place}"


def open_url(url: str, folder: Path, where: str, problems: Problems) -> DatabaseUrl | None:
    """Fill an address from the environment; None, with a problem noted, if it cannot be used.

    `${NAME}` stands for the environment variable NAME: before the last `@` it is a user or a
    password as it is, elsewhere a part of the address, alone the whole address.
    """
    absent = sorted({name for name in _VARIABLE.findall(url) if not os.environ.get(name)})
    for name in absent:
        problems.add(
            where, f"environment variable {name} is not set", "Set it, as the address needs it."
        )
    if absent:
        return None
    secrets: dict[str, str] = {}
    for name in _VARIABLE.findall(url):
        value = os.environ[name]
        secrets |= {value: f"${{{name}}}", quote(value, safe=""): f"${{{name}}}"}
    whole = _VARIABLE.fullmatch(url) is not None
    user, at, place = ("", "", url) if whole else url.rpartition("@")
    user = _VARIABLE.sub(lambda found: quote(os.environ[found[1]], safe=""), user)
    text = user + at + _VARIABLE.sub(lambda found: os.environ[found[1]], place)
    kind, found, rest = text.partition("://")
    password = rest.rpartition("@")[0].partition(":")[2]
    if password:
        shown = hide_secrets(url) if whole else "***"
        secrets |= {word: secrets.get(word, shown) for word in (password, unquote(password))}
    for value in re.findall(r"[?&][^=&]*(?:pass|pwd|secret|token|key)[^=&]*=([^&]+)", text, re.I):
        secrets |= {word: secrets.get(word, "***") for word in (value, unquote(value))}
    if not found:
        problems.add(where, "not the address of a database", "Write it as sqlite:///file.db.")
        return None
    ordered = sorted(secrets.items(), key=lambda item: -len(item[0]))
    kind, path = kind.split("+")[0], None
    if kind in _FILES:
        name = rest.partition("?")[0]
        if not name.startswith("/") or name in ("/", "/:memory:"):
            problems.add(where, "no database file", f"Write it as {kind}:///file.db.")
            return None
        path = folder / name[1:]
    return DatabaseUrl(hide_secrets(url), text, kind, path, tuple(ordered))
