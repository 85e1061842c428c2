"""Folders of results as commands write them, small and made up, for tests of the page."""

import json

import numpy as np
import pandas as pd

from jaxmargin.jobs._table_files import write_tables

TIME = "2026-01-02T08:00:00+00:00"
INPUTS = [
    {"file": "job.toml", "sha256": "ab" * 32},
    {"file": "positions.parquet", "sha256": "cd" * 32},
]
SETTINGS = {
    "title": "Made up",
    "valuation_time": TIME,
    "numeraire": "USD",
    "rulebook": {"kind": "expected-shortfall", "horizon_days": 2, "level": 0.975},
}
COMMON = {
    "title": "Made up",
    "currency": "USD",
    "inputs": INPUTS,
    "settings": SETTINGS,
    "warnings": ["made up"],
}


def write(folder, facts, name, tables):
    folder.mkdir(parents=True, exist_ok=True)
    tables = {table: pd.DataFrame(content) for table, content in tables.items()}
    facts = facts | {"tables": write_tables(tables, folder)}
    (folder / name).write_text(json.dumps(facts))
    return folder


def change(folder, **changes):
    """Put other tables, or values of keys of the JSON file, in the place of those there."""
    file = next(each for each in folder.glob("*.json") if each.name != "status.json")
    facts = json.loads(file.read_text())
    for name, value in changes.items():
        if not isinstance(value, pd.DataFrame):
            facts[name] = value
            continue
        (entry,) = write_tables({name: value}, folder)
        kept = [each for each in facts["tables"] if each["file"] != entry["file"]]
        facts["tables"] = [*kept, entry]
    file.write_text(json.dumps(facts))
    return folder


def margin_folder(folder, accounts, *, label="worst day", initial=None, states=True):
    """Account k has 100 (k + 1), a standard error of a tenth, and equity of 250."""
    count = len(accounts)
    initial = 100.0 * np.arange(1.0, count + 1) if initial is None else initial
    tables = {
        "requirements": {
            "account": pd.Series(accounts, dtype=str),
            "initial": initial,
            "maintenance": 0.8 * initial,
            "standard_error": 0.1 * initial,
            "tail_count": np.full(count, 9.0),
            "worst_scenario": pd.Series([label] * count, dtype=str),
        },
        "components": {
            "account": pd.Series(np.repeat(accounts, 2), dtype=str),
            "component": pd.Series(["expected_shortfall", "add_on"] * count, dtype=str),
            "amount": np.stack([0.75 * initial, 0.25 * initial], 1).reshape(-1),
        },
    }
    if states:
        equity = np.full(count, 250.0)
        word = np.where(equity >= initial, "covered", "below-initial")
        word = np.where(equity < 0.8 * initial, "below-maintenance", word)
        tables["states"] = {
            "account": tables["requirements"]["account"],
            "initial": initial,
            "maintenance": 0.8 * initial,
            "balance": equity,
            "haircut": np.zeros(count),
            "equity": equity,
            "status": pd.Series(word, dtype=str),
        }
    facts = COMMON | {
        "counts": {"accounts": count, "positions": 7, "instruments": 5, "scenarios": 9}
    }
    return write(folder, facts, "manifest.json", tables)


def sensitivity_folder(folder, contracts, account):
    """Contract k adds k + 1."""
    adds = np.arange(1.0, len(contracts) + 1)
    ladder = pd.DataFrame(
        [(a, p, v) for a in ("BTC", "ETH") for p in (-0.1, 0.0, 0.1) for v in (-0.25, 0.0, 0.25)],
        columns=["asset", "price", "volatility"],
    )
    tables = {
        "positions": {"instrument": contracts, "contribution": adds, "standalone": 2.0 * adds},
        "accounts": {"account": [account], "gap": [12.5]},
        "buckets": {
            "risk": ["price", "price", "volatility"],
            "asset": ["BTC", "ETH", "BTC"],
            "expiry": pd.to_datetime([None, None, TIME]),
            "bucket": ["", "", "25 put"],
            "unit": ["1 %", "1 %", "1 point"],
            "amount": [3.0, -2.0, 1.0],
        },
        "ladder": ladder.assign(initial=100.0 + 50.0 * ladder["price"]),
    }
    facts = COMMON | {"of": "all accounts", "largest": account, "initial": float(adds.sum())}
    return write(folder, facts, "sensitivities.json", tables)


def allocation_folder(folder, accounts, reason):
    """Account k needs 10 (k + 1); the last is short by 3 for the reason."""
    need = 10.0 * np.arange(1.0, len(accounts) + 1)
    short = np.where(np.arange(len(accounts)) == len(accounts) - 1, 3.0, 0.0)
    tables = {
        "allocation": {"account": accounts, "asset": "USDC", "counted": need - short},
        "coverage": {
            "account": accounts,
            "venue": "north",
            "requirement": need,
            "shortfall": short,
            "reasons": [[reason] if lack else [] for lack in short],
        },
        "assets": {
            "asset": ["USDC"],
            "available": [500.0],
            "posted": [need.sum() - 3.0],
            "market_value": [need.sum() - 3.0],
            "value_of_one_more": [0.04],
        },
    }
    facts = COMMON | {
        "certificate": {"gap": 1e-12},
        "cost": {
            "posted_before": 9_000.5, "greedy": 6_000.25, "posted": 5_000.0,
            "lower_bound": 4_999.0, "savings": 1_000.25,
        },
        "shortfall": {"before": 77.0, "greedy": 3.0, "after": 3.0},
    }  # fmt: skip
    return write(folder, facts, "allocation.json", tables)


def backtest_folder(folder, accounts):
    """Account k has k breaches of 364 days, and k of 182 that do not overlap."""
    count, breaches = len(accounts), np.arange(len(accounts), dtype=float)
    days = pd.date_range("2025-01-02", periods=6, tz="UTC")
    light = {"test": "traffic-light", "statistic": breaches, "p_value": 0.5, "zone": "green"}
    tests = pd.concat(
        [
            pd.DataFrame({"account": accounts, "test": "kupiec", "statistic": 0.1, "p_value": 0.7,
                          "zone": "", "rejected": breaches >= count - 1}),
            pd.DataFrame({"account": ["all as one"], "test": "kupiec", "statistic": 9.0,
                          "p_value": 0.003, "zone": "", "rejected": True}),
            pd.DataFrame({"account": accounts, **light, "rejected": False}),
        ]
    )  # fmt: skip
    tables = {
        "tests": tests,
        "kpis": {
            "account": [*accounts, "all"],
            "breaches": [*breaches, breaches.sum()],
            "coverage": [*(1.0 - breaches / 364.0), 1.0 - breaches.mean() / 364.0],
            "greatest_shortfall": 5.0,
            "mean_margin": [*(100.0 * np.arange(1.0, count + 1)), 1e6],
        },
        "backtest": {
            "account": np.repeat(accounts, 6),
            "time": np.tile(days, count),
            "margin": 100.0,
            "realized": np.tile([-50.0, 20.0, -120.0, 1.0, -2.0, -3.0], count),
        },
    }
    facts = COMMON | {
        "measure": "ES 97.5 %", "horizon_days": 2, "window": 365, "days": 364,
        "last_day": "2025-12-31",
    }  # fmt: skip
    return write(folder, facts, "backtest.json", tables)


def checks_folder(folder, text):
    """One check that passes, one that fails and one that cannot be evaluated, with the text."""
    tables = {
        "checks": {
            "id": ["R01", "R02", "R03"],
            "title": [text, "Horizon", "Lookback"],
            "value": [0.995, 1.0, np.nan],
            "limit": [0.99, 2.0, np.nan],
            "status": ["pass", "fail", "not-evaluated"],
            "reason": ["", text, "not given"],
            "give": ["", "", text],
            "citation": [
                "Regulation 1, article 2 (https://law.example, 2024)",
                text,
                "Regulation 3",
            ],
            "basis": ["read", "recalled", "assumed"],
        }
    }
    facts = {
        "title": "Made up", "inputs": INPUTS, "framework": "emir", "framework_title": text,
        "day": "2026-01-02", "counts": {"pass": 1, "fail": 1, "not-evaluated": 1}, "notes": [text],
    }  # fmt: skip
    return write(folder, facts, "checks.json", tables)


def stress_folder(folder, stresses, member):
    """Stress k loses 1,000 (k + 1) beyond resources, half of it of the member."""
    loss = 1_000.0 * np.arange(1.0, len(stresses) + 1)
    fund = {
        "stress": stresses, "pnl": -2.0 * loss, "accounts_short": 3, "shortfall": loss,
        "largest_member": member, "largest": 0.5 * loss, "second_member": "b",
        "second": 0.25 * loss, "third_member": "", "third": 0.0, "cover_two": 0.75 * loss,
    }  # fmt: skip
    rules = ("cover_one", "cover_two", "largest_or_next_two")
    facts = COMMON | {
        "resources": "collateral",
        "approximations": [],
        "fund": {rule: {"amount": 500.0, "stress": stresses[-1]} for rule in rules},
    }
    return write(folder, facts, "stress.json", {"fund": fund})


def compare_folder(folder, accounts, rulebooks):
    """Rulebook k asks k + 1 times 100 of every account."""
    ask = np.repeat(100.0 * np.arange(1.0, len(rulebooks) + 1), len(accounts))
    rows = {"rulebook": np.repeat(rulebooks, len(accounts))}
    margins = rows | {"account": np.tile(accounts, len(rulebooks)), "initial": ask,
                      "maintenance": 0.5 * ask}  # fmt: skip
    total = len(accounts) * 100.0 * np.arange(1.0, len(rulebooks) + 1)
    summary = {
        "rulebook": rulebooks, "initial": total, "maintenance": 0.5 * total,
        "of_first": total / total[0], "asks_most": 0, "asks_least": 0,
    }  # fmt: skip
    tables = {"margins": margins, "summary": summary,
              "components": rows | {"component": rulebooks[0], "amount": ask}}  # fmt: skip
    return write(folder, COMMON, "compare.json", tables)


def every_folder(root, names, text):
    """Folders of all commands with these names everywhere and the text in words."""
    folders = [
        margin_folder(root / "margin", names, label=text),
        sensitivity_folder(root / "sensitivities", names, names[0]),
        allocation_folder(root / "allocation", names, text),
        backtest_folder(root / "backtest", names),
        checks_folder(root / "checks", text),
        stress_folder(root / "stress", names, names[0]),
        compare_folder(root / "compare", names, names[:2]),
    ]
    for folder in folders:
        file = next(folder.glob("*.json"))
        facts = json.loads(file.read_text())
        facts |= {"title": text, "warnings": [text]} if "warnings" in facts else {"title": text}
        file.write_text(json.dumps(facts))
    return folders
