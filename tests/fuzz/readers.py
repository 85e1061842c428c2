"""Every reader of files from outside, each with files that it takes."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from job_files import make_job

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import (
    Problems,
    framework_library,
    published_library,
    read_bybit,
    read_crif,
    read_crif_targets,
    read_deribit,
    read_deribit_summary,
    read_framework,
    read_okx,
    read_oracle,
    read_published,
    read_quotes,
    read_rulebook_file,
    read_safeguards,
    read_simm_settings,
    read_stress,
    read_table,
    rulebook_library,
    safeguard_library,
    sha256,
    simm_library,
    stress_library,
    write_json,
    write_table,
)
from jaxmargin.io import _collateral_schema as collateral
from jaxmargin.io import _schema as schema
from jaxmargin.jobs import load_inputs, read_job
from jaxmargin.jobs._past_run import read_run
from jaxmargin.jobs._venue_rulebooks import VENUE_RULEBOOKS, build_venue_rulebook

TABLES = (
    schema.ASSETS, schema.FORWARDS, schema.VOLATILITIES, schema.HISTORY, schema.CORRELATIONS,
    schema.INSTRUMENTS, schema.COMBOS, schema.POSITIONS, schema.ORDERS, collateral.COLLATERAL,
    collateral.SCHEDULE, collateral.HAIRCUTS, collateral.LIMITS, collateral.EXCLUSIONS,
    collateral.MARKS, collateral.INVENTORY, collateral.COSTS,
)  # fmt: skip
MILLISECONDS = 1_770_282_000_123
DERIBIT = {"result": [
    {"instrument_name": f"BTC-27MAR26-{strike}-{sign}", "mark_price": 0.05, "mark_iv": 50.0,
     "underlying_price": 61_000.0, "underlying_index": "BTC-27MAR26", "bid_price": 0.04,
     "ask_price": None, "estimated_delivery_price": 60_500.0, "creation_timestamp": MILLISECONDS}
    for strike in (50_000, 60_000) for sign in "CP"
]}  # fmt: skip
OKX = {"code": "0", "data": [
    {"instId": "BTC-USD-260327-60000-C", "markVol": "0.47", "fwdPx": "61000.5",
     "ts": str(MILLISECONDS)},
]}  # fmt: skip
BYBIT = {"retCode": 0, "time": MILLISECONDS, "result": {"category": "option", "list": [
    {"symbol": "BTC-27MAR26-60000-C-USDT", "bid1Price": "4000", "ask1Price": "4050",
     "markPrice": "4025.5", "indexPrice": "60600.55", "markIv": "0.7567",
     "underlyingPrice": "60990.42"},
]}}  # fmt: skip
ORACLE = {
    "schema": "jaxmargin-oracle/1",
    "rulebook": "dydx-v4 (indexer)",
    "tolerance": {"absolute": 1e-9},
    "cases": [{"id": "one", "input": {}, "expected": {}}],
}
TARGETS = pd.DataFrame(
    {"asset": ["BTC", "ETH"], "product_class": "Commodity", "risk_type": "Risk_Commodity",
     "qualifier": ["BTC", "ETH"], "bucket": "16"}
)  # fmt: skip
QUOTES = pd.DataFrame(
    {"instrument": ["c", "p"], "underlying": "BTC", "settlement": "BTC",
     "option_type": ["call", "put"], "strike": 6e4, "expiry": "2026-03-27T08:00Z",
     "index_price": 6e4, "multiplier": 1.0, "forward": 61e3, "price": [0.05, 0.04],
     "volatility": 0.5}
)  # fmt: skip
CHAIN = pd.DataFrame(
    {"snapshot": "2026-02-05T09:00Z", "instrument_name": ["c", "p"], "currency": "BTC",
     "option_type": ["call", "put"], "strike": 6e4, "expiry": "2026-03-27T08:00Z",
     "underlying_index": "BTC-27MAR26", "underlying_price": 61e3, "index_price": 6e4,
     "mark_price": [0.05, 0.04], "mark_iv": 0.5}
)  # fmt: skip
CRIF = (
    "PortfolioId\tProductClass\tRiskType\tQualifier\tBucket\tLabel1\tLabel2\tAmount\t"
    "AmountCurrency\tAmountUSD\n"
    "A\tRatesFX\tRisk_IRCurve\tUSD\t1\t2y\tLibor3m\t100\tUSD\t100\n"
    "A\tRatesFX\tRisk_FX\tEUR\t\t\t\t-5000\tEUR\t-5500\n"
    "B\tCommodity\tRisk_Commodity\tCrude\t2\t\t\t70.5\tUSD\t70.5\n"
    "B\tEquity\tRisk_EquityVol\tX\t5\t1y\t\t12\tUSD\t12\n"
    "B\t\tParam_ProductClassMultiplier\tEquity\t\t\t\t1.5\t\t1.5\n"
)


@dataclass(frozen=True)
class Reader:
    """A reader, a file it takes and how it is called.

    Attributes:
        name: what is read.
        file: a sound file, in its place; spoiled ones go there.
        read: reads the file; problems of input are an `InvalidInputError`.
        table: the sound table, of a table file; None for text.
        sound: the bytes of the file.
        root: folder of the files that its messages may name.
        whole: whether all inputs of a job are read.
    """

    name: str
    file: Path
    read: Callable[[], object]
    table: pd.DataFrame | None
    sound: bytes
    root: Path
    whole: bool = False


def rows_of(table: schema.Table) -> pd.DataFrame:
    """Three sound rows of a table."""
    columns = {}
    for column in table.columns:
        if column.type == "number":
            columns[column.name] = [1.0, 2.0, 3.0]
        elif column.type == "time":
            columns[column.name] = pd.to_datetime([f"2026-03-{day}T08:00Z" for day in (26, 27, 28)])
        else:
            columns[column.name] = (list(column.choices) * 3 or ["A", "B", "C"])[:3]
    return pd.DataFrame(columns)


def read_rows(table: schema.Table, path: Path, problems: Problems) -> pd.DataFrame | None:
    """See `read_table`."""
    return read_table(path, table, problems)


def small_job(folder: Path) -> Path:
    """A job of two accounts, twenty contracts and forty days, that reads in a moment."""
    job = make_job(folder, accounts=2)
    positions = pd.read_parquet(folder / "positions.parquet").head(8)
    instruments = pd.read_parquet(folder / "instruments.parquet")
    kept = instruments["instrument"].isin(positions["instrument"])
    instruments[kept | (instruments.index % 50 == 0)].to_parquet(folder / "instruments.parquet")
    positions.to_parquet(folder / "positions.parquet")
    history = pd.read_parquet(folder / "history.parquet")
    days = sorted(history["time"].unique())[-40:]
    history[history["time"].isin(days)].to_parquet(folder / "history.parquet")
    return job


def past_results(job: Path) -> Path:
    """A folder of results of a job, as far as looking back at it needs."""
    folder = job.parent / "results"
    folder.mkdir()
    files = load_inputs(job).job.inputs()
    stated = [{"file": file.name, "sha256": sha256(file)} for file in files]
    write_json({"job": f"../{job.name}", "inputs": stated}, folder / "manifest.json")
    requirements = pd.DataFrame({"account": ["A", "B"], "initial": [1.0, 2.0]})
    write_table(requirements, folder / "requirements.parquet")
    return folder


def readers(folder: Path) -> list[Reader]:
    """Every reader, each with its file below `folder`."""
    found = []

    def of_problems(read):
        def call():
            problems = Problems()
            result = read(problems)
            problems.raise_if_any()
            assert result is not None, "refused without a word"
            return result

        return call

    def add(name, file, content, read, table=None):
        path = folder / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if table is None:
            path.write_text(content, encoding="utf-8")
        elif path.suffix == ".csv":
            table.to_csv(path, index=False)
        else:
            table.to_parquet(path)
        found.append(Reader(name, path, read(path), table, path.read_bytes(), path.parent))

    def add_text(name, file, text, read):
        add(name, file, text, lambda path: of_problems(lambda problems: read(path, problems)))

    def add_table(name, file, table, read):
        add(
            name, file, None,
            lambda path: of_problems(lambda problems: read(path, problems)), table,
        )  # fmt: skip

    for table in TABLES:
        for suffix in (".parquet", ".csv"):
            read = partial(read_rows, table)
            add_table(f"{table.name}{suffix}", f"table{suffix}", rows_of(table), read)
    libraries = (
        (rulebook_library, read_rulebook_file), (stress_library, read_stress),
        (framework_library, read_framework), (safeguard_library, read_safeguards),
        (published_library, read_published),
    )  # fmt: skip
    for library, read in libraries:
        for name, path in library().items():
            text = path.read_text(encoding="utf-8")
            add_text(f"{read.__name__} {name}", "settings.toml", text, read)
    text = simm_library().read_text(encoding="utf-8")
    add_text("simm", "simm.toml", text, lambda path, problems: read_simm_settings(
        path, "one_day", problems))  # fmt: skip
    simm = read_simm_settings(simm_library(), "ten_days", Problems())
    assert simm is not None
    add_text("crif", "crif.csv", CRIF, lambda path, problems: read_crif(
        path, simm.currencies, problems))  # fmt: skip
    add_table("targets", "targets.csv", TARGETS, read_crif_targets)
    answers = (
        ("deribit", DERIBIT, read_deribit_summary),
        ("okx", OKX, partial(read_okx, prices={"BTC": 6e4})),
        ("bybit", BYBIT, partial(read_bybit, prices={"USDT": 1.0})),
        ("oracle", ORACLE, read_oracle),
    )
    for name, answer, read in answers:
        add(name, "answer.json", json.dumps(answer, indent=1), lambda path, read=read: partial(
            read, path))  # fmt: skip
    add("quotes", "quotes.parquet", None, lambda path: partial(
        read_quotes, path, time="2026-02-05T09:00Z", prices={}), QUOTES)  # fmt: skip
    add("chain", "chain.csv", None, lambda path: partial(read_deribit, path), CHAIN)
    job = small_job(folder / "job")

    def add_of_job(name, file, read, *, table=None, whole=True):
        found.append(Reader(name, file, read, table, file.read_bytes(), job.parent, whole))

    add_of_job("read_job", job, of_problems(lambda problems: read_job(job, problems)), whole=False)
    add_of_job("job", job, lambda: load_inputs(job))
    for table in ("market/assets", "market/forwards", "market/volatilities", "history",
                  "instruments", "positions"):  # fmt: skip
        file = job.parent / f"{table}.parquet"
        add_of_job(table, file, lambda: load_inputs(job), table=pd.read_parquet(file))
    results = past_results(job)
    margins = results / "requirements.parquet"
    add_of_job("manifest", results / "manifest.json", lambda: read_run(results))
    add_of_job("margins", margins, lambda: read_run(results), table=pd.read_parquet(margins))
    inputs = load_inputs(job)
    for kind, path in rulebook_library().items():
        if kind in VENUE_RULEBOOKS and "default" in (text := path.read_text(encoding="utf-8")):
            add(f"built {kind}", "settings.toml", text, lambda path, kind=kind: lambda:
                build_venue_rulebook(kind, None, path, inputs, "[rulebook]"))  # fmt: skip
    return found


def refusal(reader: Reader) -> tuple[str, ...]:
    """The problems of a reader's file; empty if it is taken. Anything else that is raised stays."""
    try:
        reader.read()
    except InvalidInputError as error:
        return error.problems
    return ()
