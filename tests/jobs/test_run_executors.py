"""Workers of Ray and Dask, one of them killed in the middle of a shard: bytes of a local run."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest
import run_killed_worker
from job_files import make_job
from run_steps import files

import jaxmargin.jobs.run._run as run_module
from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs.run import run_job
from jaxmargin.jobs.run.executors import ShardTask

PER_SHARD = 7  # of 20 accounts


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return make_job(tmp_path_factory.mktemp("job"), accounts=20)


@pytest.fixture(scope="module")
def local(job):
    """The run by this process alone."""
    return run_job(job, job.parent / "local", accounts_per_shard=PER_SHARD)


@pytest.mark.parametrize(("executor", "package"), [("ray", "ray"), ("dask", "distributed")])
def test_a_killed_workers_shard_goes_to_another_and_the_bytes_are_those_of_a_local_run(
    job, local, executor, package
):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    out = job.parent / executor
    root, tests = (Path(run_killed_worker.__file__).parents[n] for n in (2, 0))
    environment = os.environ | {
        "PYTHONPATH": f"{root}{os.pathsep}{tests}", "JAX_NUM_CPU_DEVICES": "1",
        "JAX_ENABLE_X64": "1", "JAX_COMPILATION_CACHE_DIR": jax.config.jax_compilation_cache_dir,
    }  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", run_killed_worker.__file__, executor, job, out, "7"],
        env=environment, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "retries 1" in ran.stdout or "retries 2" in ran.stdout  # one more if it was waiting
    assert Path(f"{out}.killed").exists()
    assert json.loads((out / "status.json").read_bytes())["state"] == "done"
    assert files(out) == files(job.parent / "local")


def test_a_worker_refuses_a_folder_or_inputs_that_are_not_those_of_the_run(job, local):
    out = job.parent / "local"
    wrong = ShardTask(job, out, "0" * 64, ())(0)
    assert isinstance(wrong.error, InvalidInputError)
    assert "does not find the plan" in str(wrong.error)
    file = job.parent / "market/assets.parquet"
    content = file.read_bytes()
    file.write_bytes(content + b" ")
    changed = ShardTask(job, out, local.plan.identity, ())(0)
    file.write_bytes(content)
    assert "other content of the input assets.parquet" in str(changed.error)


def test_workers_read_a_job_file_that_is_a_link_as_this_process_does(job, local, monkeypatch):
    link, asked = job.with_name("link.toml"), []
    link.symlink_to(job)
    monkeypatch.chdir(job.parent)
    monkeypatch.setattr(run_module, "ray_pool", lambda task, workers: asked.append(task))
    run_module._pool("ray", Path("link.toml"), Path("local"), local.plan, lambda: None, 2)()
    assert (asked[0].path, asked[0].out) == (link, job.parent / "local")
