"""Tables of databases that a job file names: read once, and files from then on."""

import shutil
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxmargin.io import Problems, TableSource, hide_secrets, open_url, table_key, take_snapshots
from jaxmargin.jobs._paths import ROOT_VARIABLE, outside

__all__ = ["Snapshots", "fix_sources", "shown"]


class _TemporaryFolder:
    """A folder that only the user can read, and that goes when nothing refers to it."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="jaxmargin-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True)
class Snapshots:
    """Files that stand for the tables of databases that a job file names.

    Attributes:
        labels: what the job file names, without passwords, by file.
        folder: keeps a temporary folder of the files; None where they have one that stays.
    """

    labels: Mapping[Path, str] = field(default_factory=dict)
    folder: _TemporaryFolder | None = None


def fix_sources(
    sections: Mapping[str, Mapping[str, Any] | None],
    folder: Path | None,
    place: str,
    problems: Problems,
) -> tuple[dict[str, Any], Snapshots]:
    """The sections with files in place of tables of databases, which are read now.

    Args:
        sections: of a job file, by name.
        folder: where the files go, unless it is there: then it must have them all, and they stand
            for the tables as they were; None for a temporary folder.
        place: name of the job file, for messages.
        problems: where problems go.
    """
    named = {
        (section, key): value
        for section, content in sections.items()
        for key, value in (content or {}).items()
        if isinstance(value, TableSource)
    }
    if not named:
        return dict(sections), Snapshots()
    before = len(problems.found)
    for (section, key), source in named.items():
        url = open_url(source.url, source.folder, source.label, Problems())
        files = () if url is None else (url.path, url.root_certificate)
        for why in [outside(source.folder, file) for file in files if file is not None]:
            cure = f"Copy the file there, or set {ROOT_VARIABLE} to a folder above it."
            if why is not None:
                problems.add(f"{place}, [{section}] {key}", f"{source.label!r} {why}", cure)
    if len(problems.found) > before:
        return dict(sections), Snapshots()
    own = _TemporaryFolder() if folder is None else None
    files = take_snapshots(
        {source: table_key(key) for (_, key), source in named.items()},
        folder or own.path / "inputs",  # type: ignore[union-attr]
        problems,
    )
    fixed = {
        name: content
        and {
            key: files.get(value) if isinstance(value, TableSource) else value
            for key, value in content.items()
        }
        for name, content in sections.items()
    }
    return fixed, Snapshots({path: source.label for source, path in files.items()}, own)


def shown(value: Any) -> str:
    """A wrong value of a job file for its message; addresses without passwords."""
    if "://" not in repr(value):
        return repr(value)
    return repr(hide_secrets(value)) if isinstance(value, str) else "an address"
