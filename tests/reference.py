"""Real data and numbers from outside, which lie beside the repository and are not part of it."""

import json
import os
import runpy
from pathlib import Path

import pytest

_FOLDER = Path(
    os.environ.get("JAXMARGIN_REFERENCE_DATA", Path(__file__).resolve().parents[2] / "shared")
)


def reference(path: str) -> Path:
    """A file of the reference data; skips the test where there is none, but fails in CI."""
    file = _FOLDER / path
    if not file.is_file():
        message = f"no reference data: {path} is not there; set JAXMARGIN_REFERENCE_DATA"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return file


def oracle(path: str) -> dict:
    """A JSON file of the reference data."""
    return json.loads(reference(f"oracles/{path}").read_text())


def run_example(path: Path, out: Path) -> None:
    """Run an example that needs the reference data; it writes to `out`."""
    root = reference("data/deribit_option_chains_daily.parquet").parents[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAXMARGIN_REFERENCE_DATA", str(root))
        patch.setenv("JAXMARGIN_EXAMPLE_OUT", str(out))
        runpy.run_path(str(path))
