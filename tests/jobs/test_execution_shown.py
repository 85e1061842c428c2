"""How a run was carried out: in the manifest and, where memory ran out, as a warning."""

import jax
import pytest
from jax.errors import JaxRuntimeError
from job_files import make_job
from rich.console import Console

from jaxmargin.jobs import run_margin
from jaxmargin.report import margin_summary
from jaxmargin.valuation import _accounts

ON_BLOCK = _accounts._on_block


def shown(result):
    console = Console(width=1_000, record=True)
    with console.capture() as captured:
        console.print(margin_summary(result.requirements, result.manifest))
    return captured.get()


@pytest.fixture
def short_of_memory(monkeypatch):
    """Make the first so many programs of accounts run out of memory."""

    def first(times):
        left = [times]

        def on_block(*arguments):
            if left[0]:
                left[0] -= 1
                raise JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")
            return ON_BLOCK(*arguments)

        monkeypatch.setattr(_accounts, "_on_block", on_block)

    return first


def test_the_manifest_and_the_summary_say_chunks_and_devices(tmp_path):
    result = run_margin(make_job(tmp_path), tmp_path / "out")
    execution = result.manifest["execution"]
    assert set(execution) == {"chunk_rows", "devices", "retries"}
    assert execution["devices"] == jax.device_count() and execution["retries"] == 0
    line = f"chunks of {execution['chunk_rows']:,} accounts on {execution['devices']} device"
    assert line in shown(result) and "emory" not in shown(result)


@pytest.mark.parametrize(("times", "said"), [(1, "once"), (3, "3 times")])
def test_halved_chunks_are_warned_of(tmp_path, short_of_memory, times, said):
    job = make_job(tmp_path)
    expected = run_margin(job, tmp_path / "out").requirements
    short_of_memory(times)
    result = run_margin(job, tmp_path / "out")
    execution = result.manifest["execution"]
    assert execution["retries"] == times
    warning = f"Memory ran out {said}; chunks were halved to {execution['chunk_rows']:,} accounts."
    assert warning in shown(result)
    assert list(result.requirements["initial"]) == list(expected["initial"])


def test_programs_compiled_in_this_process_are_not_counted_again(tmp_path):
    job = make_job(tmp_path)
    run_margin(job, tmp_path / "out")
    again = run_margin(job, tmp_path / "out")
    assert again.manifest["programs"] == {"compiled": 0, "from_cache": 0}
