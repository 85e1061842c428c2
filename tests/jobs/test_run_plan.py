"""Which run a folder holds: told by what makes it, and refused by name to any other."""

import os

import jax
import pytest
import run_steps
from job_files import edit_text, make_job
from run_steps import TABLES, files, makes, start

from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs.run._inputs import makes_of, open_run_job
from jaxmargin.jobs.run._plan import RunPlan


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"content": "2"}, "other content of the input positions.parquet"),
        ({"size": 3}, "other accounts_per_shard: 2 there, 3 now"),
    ],
)
def test_another_run_in_the_folder_is_refused_by_what_differs(out, other, message):
    start(out)
    before = files(out)
    with pytest.raises(InvalidInputError, match=message):
        start(out, of=makes(**other))
    assert files(out) == before


def test_every_setting_and_version_that_differs_is_named(out):
    start(out)
    other = makes() | {"versions": {"jax": "1"}, "settings": {"rulebook": {"level": 0.9}}}
    with pytest.raises(InvalidInputError) as caught:
        start(out, of=other)
    assert len(caught.value.problems) == 2
    assert "settings.rulebook.level: 0.99 there, 0.9 now" in caught.value.problems[0]
    assert "versions: jax 0 there, 1 now" in caught.value.problems[1]


def test_results_of_something_else_are_refused_and_stay(out):
    out.mkdir()
    (out / "requirements.parquet").write_bytes(b"a table")
    with pytest.raises(InvalidInputError, match="results of jaxmargin margin"):
        start(out)
    (out / "requirements.parquet").unlink()
    (out / "manifest.json").write_text("{}")
    with pytest.raises(InvalidInputError, match="something else"):
        start(out)
    assert os.listdir(out) == ["manifest.json"]


def test_the_folder_of_a_watched_job_is_refused_and_stays(out):
    (out / "updates/000001").mkdir(parents=True)
    (out / "status.json").write_text("of watch")
    with pytest.raises(InvalidInputError, match="jaxmargin watch watches"):
        start(out)
    assert files(out) == {} and (out / "status.json").read_text() == "of watch"
    assert sorted(os.listdir(out)) == ["status.json", "updates"]


def test_a_file_among_the_parts_that_is_none_is_refused(out):
    start(out)
    (out / "requirements.parquet/part-00009.parquet").write_bytes(b"")
    with pytest.raises(InvalidInputError, match=r"part-00009\.parquet: no file of this run"):
        start(out)


def test_shards_of_another_run_are_not_written_over_where_the_plan_is_damaged(out):
    start(out)
    (out / "plan.json").write_text("{")
    before = files(out)
    with pytest.raises(InvalidInputError, match="a shard of another run"):
        start(out, of=makes("2"))
    assert files(out) == before


def test_bad_input_leaves_nothing_behind(out):
    def refused():
        raise InvalidInputError("no such table")

    with pytest.raises(InvalidInputError):
        run_steps.run_in_folder(out, makes(), refused, lambda plan: None, began=print)
    assert not out.exists()


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """A job in single precision."""
    job = make_job(tmp_path_factory.mktemp("job"))
    edit_text(job, 'precision = "f64"', 'precision = "f32"')
    return job


def identity_of(job, out):
    makes = makes_of(open_run_job(job, out), 10)
    return RunPlan(makes, 12, TABLES).identity, makes["platform"]


def test_double_precision_of_the_process_is_part_of_the_identity(single, out):
    """A job in f32 has a market in double precision after one in f64, or by JAX_ENABLE_X64."""
    double = identity_of(single, out)
    jax.config.update("jax_enable_x64", False)
    try:
        found = identity_of(single, out)
    finally:
        jax.config.update("jax_enable_x64", True)
    assert (double[1]["x64"], found[1]["x64"]) == ("on", "off")
    assert double[0] != found[0]
    assert identity_of(single, out)[0] == double[0]


def test_flags_of_xla_are_part_of_the_identity_but_those_that_change_no_result(
    single, out, monkeypatch
):
    monkeypatch.delenv("XLA_FLAGS", raising=False)  # those of the tests
    plain = identity_of(single, out)[0]
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=dumps --xla_force_host_platform_device_count=1")
    assert identity_of(single, out)[0] == plain
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    assert identity_of(single, out)[0] != plain
