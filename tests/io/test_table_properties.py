"""A sound table reads back equal, however it is laid out and written; a damaged one is noticed."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fuzz.readers import TABLES, rows_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jaxmargin.io import Problems, read_table, write_table

WORDS = pa.dictionary(pa.int8(), pa.string())
FIRST, LAST = pd.Timestamp("1900-01-01"), pd.Timestamp("2199-12-31T23:59:59.999999")
NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=6)
FLIPS, CUTS = 150, 30  # of the positions of each table; all of two tables were tried once


def cells(column, count):
    """Sound cells of a column, None where blank is allowed."""
    if column.type == "text":
        each = st.sampled_from(column.choices) if column.choices else NAMES
    elif column.type == "number":
        least = 5e-324 if column.positive else 0.0 if column.not_negative else None
        each = st.floats(least, allow_nan=False, allow_infinity=False)
    else:
        each = st.datetimes(FIRST.to_pydatetime(), LAST.to_pydatetime())
    each = st.none() | each if column.blank else each
    return st.lists(each, min_size=count, max_size=count)


@st.composite
def sound_tables(draw):
    """A schema and rows that keep its rules, its columns in any order."""
    table = draw(st.sampled_from(TABLES))
    count = draw(st.integers(0, 5))
    columns = {c.name: draw(cells(c, count)) for c in draw(st.permutations(table.columns))}
    kinds = {"text": object, "number": np.float64, "time": "datetime64[us]"}
    rows = pd.DataFrame(
        {c.name: pd.Series(columns[c.name], dtype=kinds[c.type]) for c in table.columns}
    )[list(columns)]
    rows = rows[~rows.fillna({c.name: "" for c in table.columns if c.type == "text"}).duplicated(
        list(table.key))].reset_index(drop=True)  # fmt: skip
    return table, rows


def expected(table, rows):
    """What must be read: blanks as the reader says, times in UTC."""
    columns = {}
    for column in table.columns:
        own = rows[column.name]
        if column.type == "text":
            own = own.astype(object).where(own.notna(), "")
        columns[column.name] = own.dt.tz_localize("UTC") if column.type == "time" else own
    return pd.DataFrame(columns)


def assert_reads(path, table, rows):
    problems = Problems()
    read = read_table(path, table, problems)
    assert problems.found == []
    pd.testing.assert_frame_equal(
        read, expected(table, rows), check_dtype=False, check_exact=True, check_column_type=False
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("tables") / "table.parquet"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=sound_tables(), zone=st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York"]),
       text=st.sampled_from([pa.string(), pa.large_string(), WORDS]),
       layout=st.fixed_dictionaries({
           "compression": st.sampled_from(["none", "snappy", "zstd"]),
           "use_dictionary": st.booleans(), "row_group_size": st.sampled_from([1, 2, 1000]),
           "data_page_version": st.sampled_from(["1.0", "2.0"])}))  # fmt: skip
def test_any_sound_parquet_table_reads_back_equal(path, made, zone, text, layout):
    table, rows = made
    kinds = {"text": text, "number": pa.float64(), "time": pa.timestamp("us", zone)}
    fields = [(c.name, kinds[c.type]) for name in rows for c in table.columns if c.name == name]
    localized = rows.assign(
        **{c.name: rows[c.name].dt.tz_localize("UTC") for c in table.columns if c.type == "time"}
    )
    arrow = pa.Table.from_pandas(localized, pa.schema(fields), preserve_index=False)
    pq.write_table(arrow, path, **layout)
    assert_reads(path, table, rows)
    write_table(localized, path)  # with our own checksum
    assert_reads(path, table, rows)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=sound_tables(), quoting=st.integers(0, 1), marked=st.booleans(),
       ending=st.sampled_from(["\n", "\r\n"]))  # fmt: skip
def test_any_sound_csv_table_reads_back_equal(path, made, quoting, marked, ending):
    table, rows = made
    times = {
        c.name: rows[c.name].map(lambda time: f"{time.isoformat()}Z", na_action="ignore")
        for c in table.columns
        if c.type == "time"
    }
    rows.assign(**times).to_csv(
        path.with_suffix(".csv"), index=False, quoting=quoting, lineterminator=ending,
        encoding="utf-8-sig" if marked else "utf-8",
    )  # fmt: skip
    assert_reads(path.with_suffix(".csv"), table, rows)


def outcomes(path, table, spoiled):
    """How many spoiled files are refused, read as before, and read as something else."""
    problems = Problems()
    sound, found = read_table(path, table, problems), {"refused": 0, "same": 0, "other": 0}
    assert problems.found == []
    for content in spoiled:
        path.write_bytes(content)
        problems = Problems()
        read = read_table(path, table, problems)
        kind = "refused" if problems.found else "same" if sound.equals(read) else "other"
        found[kind] += 1
    return found


def flips_and_cuts(content, seed):
    random = np.random.default_rng(seed)
    for place in random.choice(len(content), FLIPS, replace=False):
        spoiled = bytearray(content)
        spoiled[place] ^= 1 << int(random.integers(0, 8))
        yield bytes(spoiled)
    for length in random.choice(len(content), CUTS, replace=False):
        yield content[:length]


def test_no_bit_turned_over_and_no_cut_of_our_tables_reads_as_something_else(path, capsys):
    total = {"refused": 0, "same": 0, "other": 0}
    for seed, table in enumerate(TABLES[:8]):
        write_table(rows_of(table), path)
        for kind, count in outcomes(path, table, flips_and_cuts(path.read_bytes(), seed)).items():
            total[kind] += count
    with capsys.disabled():
        print(f"\ndamaged tables: {total}")
    assert total["other"] == 0 and total["refused"] > 500


def test_every_cut_of_a_csv_file_within_a_row_is_refused(path):
    table = TABLES[7]  # positions
    text = "account,instrument,quantity\nA,BTC-SPOT,1200\nB,BTC-SPOT,-35\n"
    cut = [text[:length].encode() for length in range(len(text)) if text[length - 1] != "\n"]
    place = path.with_suffix(".csv")
    place.write_text(text)
    assert outcomes(place, table, cut) == {"refused": len(cut), "same": 0, "other": 0}
