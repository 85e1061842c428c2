"""Reads a JSON file, within limits."""

import json
from pathlib import Path
from typing import Any

from jaxmargin.io._limits import parse_shallow, read_small_text
from jaxmargin.io._problems import Problems

__all__ = ["MOST_JSON_BYTES", "read_json"]

MOST_JSON_BYTES = 256 * 2**20  # answers of a venue are a few megabytes, oracles and manifests less
_MOST_DEPTH = 64


def read_json(path: Path, what: str, problems: Problems) -> dict[str, Any] | None:
    """The object in a JSON file; None, with a problem noted, if it cannot be read.

    Args:
        path: the file, of 256 MiB at most.
        what: what it is, to follow "the path of the".
        problems: where problems go.
    """
    text = read_small_text(path, what, MOST_JSON_BYTES, problems)
    if text is None:
        return None
    try:
        content = parse_shallow(text, json.loads, _MOST_DEPTH)
    except ValueError as error:  # of the form, or a whole number of thousands of digits
        problems.add(path.name, f"not JSON ({error})", "Write it in JSON.")
        return None
    if content is None:
        problems.add(path.name, f"not JSON of at most {_MOST_DEPTH} levels", "Write it flat.")
        return None
    if not isinstance(content, dict):
        problems.add(path.name, "not a JSON object", "Write it as {...}.")
        return None
    return content
