"""Damaged results are exported to no database, and what is written is on the disk."""

import os

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import jaxmargin.io._write as write_module
from jaxmargin.io import append_sql, open_sql_target, remove_partial, write_duckdb, write_table

RUN = {"run": "a" * 64, "title": "x"}
TABLE = pd.DataFrame({"account": ["a", "b"], "initial": [1.0, 2.0], "maintenance": [0.5, 1.0],
                      "worst_scenario": ["s", "t"]})  # fmt: skip


def blanked(path):
    """The file with another footer: its pages are sound, and its content is another."""
    table = pq.read_table(path)
    stated = table.schema.metadata
    other = table.set_column(1, "initial", pa.array([1.0, None])).replace_schema_metadata(stated)
    pq.write_table(other, path, write_page_checksum=True)


@pytest.mark.parametrize("way", ["file", "part"])
def test_content_that_is_not_that_of_its_checksum_is_exported_nowhere(tmp_path, way):
    place = tmp_path / "requirements.parquet"
    if way == "part":
        place.mkdir()
        write_table(TABLE, place / "part-00000.parquet")
    file = place if way == "file" else place / "part-00001.parquet"
    write_table(TABLE.assign(account=["c", "d"]), file)
    tables = {"requirements": place}
    write_duckdb(tables, tmp_path / "results.duckdb", run=RUN)
    before = (tmp_path / "results.duckdb").read_bytes()
    blanked(file)
    with pytest.raises(OSError, match="its content is not that of its checksum"):
        write_duckdb(tables, tmp_path / "results.duckdb", run=RUN)
    assert (tmp_path / "results.duckdb").read_bytes() == before
    url = open_sql_target("sqlite:///runs.db", tmp_path)
    with pytest.raises(OSError, match="nothing was"):
        append_sql(url, RUN, tables)
    assert {each.name for each in tmp_path.iterdir()} == {
        "requirements.parquet", "results.duckdb", "runs.db",
    }  # fmt: skip


def test_a_duckdb_file_is_on_the_disk_before_its_name_and_its_name_after(tmp_path, monkeypatch):
    write_table(TABLE, tmp_path / "requirements.parquet")
    done, sync, replace = [], os.fsync, os.replace

    def synced(number):
        done.append(os.path.basename(os.readlink(f"/proc/self/fd/{number}")))
        sync(number)

    def replaced(old, new):
        done.append("replaced")
        replace(old, new)

    monkeypatch.setattr(write_module.os, "fsync", synced)
    monkeypatch.setattr(write_module.os, "replace", replaced)
    write_duckdb({"requirements": tmp_path / "requirements.parquet"}, tmp_path / "r.duckdb")
    assert [name.partition(".")[0] or "partial" for name in done] == [
        "partial", "replaced", tmp_path.name,
    ]  # fmt: skip


def test_all_that_a_killed_export_leaves_is_taken_away(tmp_path, monkeypatch):
    write_table(TABLE, tmp_path / "requirements.parquet")
    left = []

    def killed(partial, path):
        left.extend(each.name for each in tmp_path.glob(".*"))
        (tmp_path / f"{partial.name}.wal").write_bytes(b"x")  # as DuckDB has it while it writes
        monkeypatch.setattr("pathlib.Path.unlink", lambda path, **settings: None)
        raise SystemExit

    with monkeypatch.context():
        monkeypatch.setattr("jaxmargin.io._duckdb.put_in_place", killed)
        with pytest.raises(SystemExit):
            write_duckdb({"requirements": tmp_path / "requirements.parquet"}, tmp_path / "r.duckdb")
        monkeypatch.undo()
    assert len(left) == 1 and len(list(tmp_path.glob(".*"))) == 2
    assert remove_partial(tmp_path) == 2
    assert [each.name for each in tmp_path.iterdir()] == ["requirements.parquet"]
