"""Files of data that come with the package."""

from pathlib import Path

__all__ = ["shipped_files"]

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped_files(folder: str) -> dict[str, Path]:
    """The TOML files of one folder of `scenarios/`, by name, in their order."""
    installed = _PACKAGE / "_scenarios" / folder
    place = installed if installed.is_dir() else _PACKAGE.parent / "scenarios" / folder
    return {path.stem: path for path in sorted(place.glob("*.toml"))}
