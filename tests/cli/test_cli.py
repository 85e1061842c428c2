"""The command line as a user meets it: exit codes, messages, files."""

import os
import subprocess
import sys

import pandas as pd
import pytest
from job_files import edit_text, make_job, set_cell


@pytest.fixture
def command(run_command):
    return run_command


def test_demo_needs_no_arguments_and_margins_and_covers_a_thousand_accounts(tmp_path):
    environment = os.environ | {"JAXMARGIN_CACHE": str(tmp_path / "cache")}
    environment.pop("JAX_ENABLE_X64", None)
    ended = subprocess.run(
        [sys.executable, "-m", "jaxmargin", "demo"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "1,000 accounts" in ended.stdout and "500 contracts" in ended.stdout
    assert "synthetic" in ended.stdout.lower()
    assert len(pd.read_parquet(tmp_path / "demo-out/results/requirements.parquet")) == 1000
    assert "Saves " in ended.stdout and "Certificate: primal residual" in ended.stdout
    assert (tmp_path / "demo-out/allocation/allocation.parquet").is_file()
    cache = tmp_path / "cache"
    assert any(cache.iterdir()) and cache.stat().st_mode & 0o077 == 0


def test_jax_is_not_imported_before_a_command_needs_it():
    code = "import sys, jaxmargin.cli; sys.exit('jax' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_takes_long_to_import_waits_until_it_is_needed():
    """Half of what a command takes for wrong input is importing."""
    slow = {"scipy.stats", "scipy.optimize", "scipy.sparse.linalg", "matplotlib", "sqlalchemy"}
    code = f"import sys, jaxmargin.jobs; print({slow} & sys.modules.keys())"
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ended.stdout.strip() == "set()"


def test_margin_writes_results_and_prints_the_totals(command, tmp_path):
    job = make_job(tmp_path)
    code, output, _ = command("margin", job, "--out", tmp_path / "out")
    assert code == 0
    requirements = pd.read_parquet(tmp_path / "out/requirements.parquet")
    assert f"{requirements['initial'].sum():,.2f}" in output
    assert "12 accounts" in output and "warm" in output


def test_bad_input_ends_with_code_2_and_one_line_per_problem(command, tmp_path):
    job = make_job(tmp_path)
    set_cell(job, "positions", "instrument", 1, "XYZ")
    set_cell(job, "assets", "spot", 1, -1.0)
    for arguments in (("validate", job), ("margin", job, "--out", tmp_path / "out")):
        code, output, errors = command(*arguments)
        assert code == 2 and output == ""
        lines = errors.strip().splitlines()
        assert len(lines) == 2 and all(line.startswith("error: ") for line in lines)
        assert "assets.parquet, column spot: not positive" in lines[0]
        assert "positions.parquet, column instrument" in lines[1]
    assert not (tmp_path / "out").exists()


def test_validate_says_what_it_found_and_writes_nothing(command, tmp_path):
    job = make_job(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    code, output, _ = command("validate", job)
    assert code == 0 and "is valid: 12 accounts" in output
    assert sorted(tmp_path.rglob("*")) == before


def test_a_failed_run_leaves_earlier_results_alone(command, tmp_path):
    job = make_job(tmp_path)
    command("margin", job, "--out", tmp_path / "out")
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    edit_text(job, "level = 0.975", "level = 2.0")
    assert command("margin", job, "--out", tmp_path / "out")[0] == 2
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_names_with_markup_are_printed_as_they_are(command, tmp_path):
    job = make_job(tmp_path)
    set_cell(job, "positions", "instrument", 1, "[red]X[/red]")
    _, _, errors = command("validate", job)
    assert "'[red]X[/red]'" in errors


@pytest.mark.parametrize("arguments", [("margin",), ("nonsense",), ("margin", "job.toml")])
def test_wrong_usage_ends_with_code_2(command, arguments):
    assert command(*arguments)[0] == 2


def test_an_output_folder_that_is_a_file_is_an_error_not_a_traceback(command, tmp_path):
    job = make_job(tmp_path)
    (tmp_path / "taken").write_text("")
    code, _, errors = command("margin", job, "--out", tmp_path / "taken")
    assert code == 2 and "taken" in errors and "Traceback" not in errors
