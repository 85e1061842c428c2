"""JSON that carries its own SHA-256, so that a damaged file is told from a sound one."""

import hashlib
import json
from pathlib import Path
from typing import Any

from jaxmargin.io import json_text, write_json

__all__ = ["digest", "read_sealed", "write_sealed"]

_SEAL = "sha256_of_the_rest"


def digest(content: Any) -> str:
    """Hexadecimal SHA-256 of plain data, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_sealed(content: dict[str, Any], path: Path) -> None:
    """Write `content` and the digest of it; see `write_json`."""
    write_json({**content, _SEAL: digest(content)}, path)


def read_sealed(path: Path) -> dict[str, Any] | None:
    """What `write_sealed` wrote; None if it is not there, or not to the last byte as written."""
    try:
        text = path.read_bytes()
        content = json.loads(text)
        written = json_text(content)
        seal = content.pop(_SEAL)
        return content if text == written and seal == digest(content) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
