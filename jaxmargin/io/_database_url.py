"""Addresses of databases: read from text, filled from the environment, shown without secrets."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode

from jaxmargin.io._problems import Problems

__all__ = ["DatabaseUrl", "TableSource", "hide_secrets", "is_source", "open_url", "parse_source"]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PREFIX = "JAXMARGIN_"  # of variables; a job file of someone else must not send others anywhere
# After the question mark of a server's address. Others can name files, or load code.
_OPTIONS = ("application_name", "connect_timeout", "sslmode", "sslrootcert")
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
        """Of its snapshot: says table and database, as messages name files, and is its own."""
        kind, _, rest = hide_secrets(self.url).partition("://")
        place = rest.rpartition("@")[2].removeprefix("/")
        kind = kind.split("+")[0].strip("${}")
        where = re.sub(r"[/:${}*]+", "-", f"{kind}-{place}" if place else kind).strip("-")
        name = f"{quote(self.table, safe=' ')}@{quote(where, safe=' ')}"
        return f"{name[:_NAME]}-{sha256(self.label.encode()).hexdigest()[:12]}.parquet"


@dataclass(frozen=True)
class DatabaseUrl:
    """The address of a database, ready to be opened.

    Attributes:
        label: how it may be shown.
        text: the whole address, secrets and all.
        kind: `sqlite`, `duckdb`, `postgresql`, ...
        path: of a database that is a file, `..` and symbolic links followed; else None.
        root_certificate: file of a server's address, likewise; else None.
        secrets: what may not be shown, each with what is shown in its place.
    """

    label: str
    text: str = field(repr=False)
    kind: str
    path: Path | None
    root_certificate: Path | None
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

    `${NAME}` stands for the environment variable NAME, which must begin with JAXMARGIN_: before the
    last `@` it is a user or a password as it is, elsewhere a part of the address, alone the whole
    address. After a question mark only `_OPTIONS` are allowed, of a database that is a file none.
    """
    names = sorted({*_VARIABLE.findall(url)})
    if not _are_there(names, where, problems):
        return None
    secrets: dict[str, str] = {}
    for name in names:
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
    if not found:
        problems.add(where, "not the address of a database", "Write it as sqlite:///file.db.")
        return None
    ordered = sorted(secrets.items(), key=lambda item: -len(item[0]))
    kind, path = kind.split("+")[0].lower(), None
    text, _, query = text.partition("?")
    before = len(problems.found)
    options = _options(query, () if kind in _FILES else _OPTIONS, where, problems)
    if kind in _FILES:
        name = text.partition("://")[2]
        if name.startswith("/") and name not in ("/", "/:memory:"):
            path = _followed(folder, name[1:], where, problems)
        else:
            problems.add(where, "no database file", f"Write it as {kind}:///file.db.")
    certificate = None
    if options.get("sslrootcert", "system") != "system":  # the word for those of the machine
        certificate = _followed(folder, options["sslrootcert"], where, problems)
        options["sslrootcert"] = str(certificate)
    if len(problems.found) > before:
        return None
    text += f"?{urlencode(options)}" if options else ""
    return DatabaseUrl(hide_secrets(url), text, kind, path, certificate, tuple(ordered))


def _are_there(names: Sequence[str], where: str, problems: Problems) -> bool:
    """Whether the variables of an address may be used and are set."""
    before = len(problems.found)
    for name in names:
        if not name.startswith(_PREFIX):
            what = f"environment variable {name} may not be used in an address"
            problems.add(where, what, f"Put its value into one whose name begins with {_PREFIX}.")
        elif not os.environ.get(name):
            what = f"environment variable {name} is not set"
            problems.add(where, what, "Set it, as the address needs it.")
    return len(problems.found) == before


def _options(query: str, allowed: Sequence[str], where: str, problems: Problems) -> dict[str, str]:
    """What is after the question mark of an address; nothing, and a problem, if it may not be."""
    if "@" in query:
        what, cure = "a question mark before its @", "Write %3F for one in a user or password."
        problems.add(where, what, cure)
        return {}
    pairs = parse_qsl(query, keep_blank_values=True)
    names = [name for name, _ in pairs]
    if {*names} <= {*allowed} and len({*names}) == len(names):
        return dict(pairs)
    cure = f"Give each of {', '.join(allowed)} once at most" if allowed else "Take it out"
    problems.add(
        where, "after its question mark, what an address may not have",
        f"{cure}; set others by the environment of the driver, such as PGSSLKEY.",
    )  # fmt: skip
    return {}


def _followed(folder: Path, name: str, where: str, problems: Problems) -> Path | None:
    """A path that counts from `folder`, with `..` and symbolic links followed."""
    try:
        return (folder / name).resolve()
    except (OSError, ValueError, RuntimeError):  # a link to itself, or a byte of zero
        problems.add(where, "names no path", "Correct the path of its file.")
    return None
