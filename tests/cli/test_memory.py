"""Too little memory ends a command with one line, not with a traceback."""

import sys

import pytest
from jax.errors import JaxRuntimeError
from job_files import make_job

from jaxmargin.cli import main
from jaxmargin.valuation import _accounts


def test_memory_that_runs_out_is_exit_code_1_and_one_line(tmp_path, monkeypatch, capsys):
    def on_block(*_):
        raise JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")

    job = make_job(tmp_path)
    monkeypatch.setattr("jaxmargin.cli._app.prepare_jax", lambda: None)
    monkeypatch.setattr(_accounts, "_on_block", on_block)
    monkeypatch.setattr(
        sys, "argv", ["jaxmargin", "margin", str(job), "--out", str(tmp_path / "o")]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    lines = capsys.readouterr().err.strip().splitlines()
    assert ended.value.code == 1 and len(lines) == 1
    assert lines[0].startswith("error: Memory ran out with") and "Give fewer scenarios" in lines[0]
    assert not (tmp_path / "o").exists()
