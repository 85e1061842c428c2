"""Venues' worked examples and Deribit's answers through the command, beside cases by hand."""

import copy
import json

import pytest
from reference import oracle

FILES = {"venue_examples": 6, "deribit_pme": 2}

# Hand counts of the same kinds as the shared examples, with other coins, sizes and ids.
BY_HAND = [
    {
        "id": "minimum of the first tier alone, below the rest",
        "inputs": {
            "mr7_raw_usd": 4000,
            "mr_other_usd": 5000.5,
            "tiers_upper_usd_multiplier": [[10000, 1], [70000, 2], [None, 4]],
        },
        "expected": {"mr7_adjusted_usd": 4000, "mmr_usd": 5000.5},
    },
    {
        "id": "three tiers, and the parts of the charge",
        "inputs": {
            "mr7_raw_usd": 80000,
            "tiers_upper_usd_multiplier": [[10000, 1], [70000, 2], [None, 4]],
            "mr1_usd": 160000, "mr2_usd": 10, "mr3_usd": 3000, "mr4_usd": 400, "mr5_usd": 50,
            "mr6_usd": 165000,
        },
        "expected": {"mr7_adjusted_usd": 170000, "mmr_usd": 170000},
    },
    {
        "id": "two short calls",
        "inputs": {"index": 30000, "strike": 31000, "mark": 300, "entry": 320, "qty": -2,
                   "call": True},
        "expected": {"mm": 2520.0, "im": 7640.0},
    },
    {
        "id": "ether after a haircut, as printed to cents",
        "inputs": {"eth": 1.5, "index": 2001.01, "haircut": 0.07},
        "expected": {"balance_value": 3001.52, "collateral_value": 2791.41},
    },
    {
        "id": "long and short futures",
        "inputs": {"qty": [3, -1], "index": 1000, "future": [1010, 1020.4],
                   "contingency_factor": 0.006, "shocks": [-0.1, 0.1]},
        "expected": {"future_contingency": 24, "pnl_rounded": [-201, 201]},
    },
    {
        "id": "three tiers of leverage",
        "inputs": {"tiers": [[0, 10], [20000, 5], [100000, 3]], "notionals": [10000, -50000]},
        "expected": {"maintenance_margin": [500, 4000], "deduction_tier2": 7666.67,
                     "deduction_tier0": 0, "initial_margin": [1000, 10000]},
    },
    {
        "id": "a debt counts in full",
        "inputs": {"eth_tiers_upper_ratio": [[100, 0.95], [None, 0.5]], "eth": -2, "price": 2500},
        "expected": {"collateral_value": -5000},
    },
]  # fmt: skip
DOCUMENT = {
    "schema": "jaxmargin-oracle/1",
    "rulebook": "venue worked examples (pages)",
    "tolerance": {"note": "as printed on the page"},
}


@pytest.fixture
def command(run_command, tmp_path):
    """Run the command on a document; its exit code, output and errors."""

    def run(document):
        path = tmp_path / "oracle.json"
        path.write_text(json.dumps(document))
        return run_command("conform", path)

    return run


def case_of(row, **inputs):
    case = copy.deepcopy(BY_HAND[row])
    case["inputs"].update(inputs)
    return case


def leaves(expected, path=()):
    for key, value in expected.items() if isinstance(expected, dict) else enumerate(expected):
        if isinstance(value, dict | list):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def moved(expected, path, change):
    inner = expected
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] += change


@pytest.mark.parametrize(("name", "cases"), FILES.items())
def test_the_shared_file_passes(name, cases, command):
    code, output, errors = command(oracle(f"margin/{name}.json"))
    assert (code, errors) == (0, "") and f": {cases} of {cases} cases pass." in output


def test_every_printed_number_decides(command):
    """Cases once for each number, which is moved by two units of a digit that is printed."""
    document = oracle("margin/venue_examples.json")
    wrong = []
    for case in document["cases"]:
        for path in leaves(case["expected"]):
            one = copy.deepcopy(case)
            one["id"] = f"{case['id']} {path}"
            moved(one["expected"], path, 2)
            wrong.append(one)
    code, output, _ = command({**document, "cases": wrong})
    assert code == 1 and f": 0 of {len(wrong)} cases pass." in output and len(wrong) > 20


def test_every_number_of_the_answers_decides_to_a_millionth_of_a_coin(command):
    """But the two sums of nothing that the settings leave: they are moved as the others."""
    document = oracle("margin/deribit_pme.json")
    wrong = []
    for case in document["cases"]:
        for path in leaves(case["expected"]):
            one = copy.deepcopy(case)
            one["id"] = f"{case['id']} {path}"
            moved(one["expected"], path, 1e-6)
            wrong.append(one)
    code, output, _ = command({**document, "cases": wrong})
    assert code == 1 and f": 0 of {len(wrong)} cases pass." in output and len(wrong) > 90


def test_other_cases_of_the_same_kinds_are_told_by_their_inputs(command):
    code, output, errors = command({**DOCUMENT, "cases": BY_HAND})
    assert (code, errors) == (0, "") and f"{len(BY_HAND)} of {len(BY_HAND)} cases pass" in output


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ({"id": "new", "inputs": {"x": 1}, "expected": {"y": 1}}, "new, inputs: x are those of no"),
        ({"id": "new", "inputs": [], "expected": {"y": 1}}, "new, inputs: not an object"),
        ({**BY_HAND[0], "expected": {}}, "nothing is expected"),
        ({**BY_HAND[0], "expected": {"mmr": 1}}, "did you mean 'mmr_usd'?"),
        ({**BY_HAND[0], "expected": {"mmr_usd": "1"}}, "mmr_usd: '1' is not a number"),
        ({**BY_HAND[5], "expected": {"maintenance_margin": [1]}}, "1 numbers, where the inputs"),
        (case_of(0, mr7_raw_usd="many"), "mr7_raw_usd: 'many' is not a number"),
        (case_of(0, mr7_raw_usd=-1), "mr7_raw_usd: got -1. Give a number that is not below 0"),
        (case_of(0, mr1_usd=1), "mr_other_usd beside mr1_usd"),
        (
            case_of(0, tiers_upper_usd_multiplier=[[1000, 1]]),
            "4000 lies beyond the last tier, which ends at 1000",
        ),
        (case_of(0, tiers_upper_usd_multiplier=[[2, 1], [1, 1]]), "They must rise, from above 0"),
        (case_of(0, tiers_upper_usd_multiplier=[[None, 1], [9, 1]]), "null at most for the last"),
        (case_of(0, tiers_upper_usd_multiplier=[1]), "Write pairs"),
        (case_of(2, qty=1), "The rule is that of short options"),
        (case_of(2, call="yes"), "call: got 'yes'. Give true or false"),
        (case_of(2, vol=0.5), "the rule does not know 'vol'"),
        (case_of(3, btc=1), "eth, btc beside index and haircut. Give one coin"),
        (case_of(3, haircut=4), "haircut: got 4. Write 4 % as 0.04"),
        (case_of(4, qty=[1, 2, 3]), "3 qty and 2 future. Give one price per quantity"),
        (case_of(5, tiers=[[1, 10], [2, 5]]), "They must rise from 0"),
        (case_of(5, tiers=[[0, 0]]), "They must be positive"),
    ],
)
def test_a_case_that_no_rule_covers_ends_with_one_line_that_names_it(case, words, command):
    code, output, errors = command({**DOCUMENT, "cases": [BY_HAND[6], case]})
    assert code == 2 and output == ""
    assert words in errors and case["id"] in errors and errors.count("error: ") == 1


def test_a_unit_with_an_unknown_part_is_refused(command):
    case = copy.deepcopy(BY_HAND[1])
    del case["inputs"]["mr2_usd"]
    code, _, errors = command({**DOCUMENT, "cases": [case]})
    assert code == 2 and "okx_unit_charge needs every part; theta unknown" in errors


def deribit(**changes):
    """One long perpetual of 2 coins and a short future of half a year, by hand below."""
    document = {
        "id": "by hand",
        "model_params": {
            "price_range": 0.2, "buckets_each_side": 1, "extended_table_factor": 1,
            "extended_dampener": 1e9, "annualised_move_risk": 0.1, "min_annualised_move": 0.01,
            "pnl_offset": 0.5, "max_offsetable_pnl": 1e9, "mm_factor": 0.8,
            "delta_total_liq_shock_threshold": 2e7,
        },
        "index_price": 50000.0,
        "timestamp_ms": 1704067200000,
        "positions": [
            {"instrument": "BTC-PERPETUAL", "size": 2.0, "mark": 1.0, "expiry": None},
            {"instrument": "BTC-1JUL24", "size": -1.0, "mark": 1.0,
             "expiry": "2024-07-01T12:00:00Z"},
        ],
        # 182.5 days: half a year, at 10 % a year; coins -.2 / .8 and .2 / 1.2 per coin
        "expected": {
            "initial_risk_vectors": {
                "BTC-PERPETUAL": {"standard": [-0.5] * 3 + [0] * 3 + [2 / 6] * 3}
            },
            "aggregated_standard": [-0.25] * 3 + [0] * 3 + [0.5 / 6] * 3,
            "worst_case": 0.25,
            "roll_shock": 0.02 + 0.05,
            "delta_shock": 0,
            "mmp_margin": 0.1,
            "initial_margin": 0.42,
            "maintenance_margin": 0.256,
        },
    }  # fmt: skip
    return {**DOCUMENT, "rulebook": "deribit.pme (a remark)", "cases": [{**document, **changes}]}


def test_a_table_of_all_columns_is_compared_and_a_long_future_pays_by_its_time(command):
    code, output, errors = command(deribit())
    assert (code, errors) == (0, "") and "aggregated_standard: 9 compared, 0 fail" in output


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"index_price": 3e7},
            "the delta is 30,000,000 USD. Above 20,000,000 the venue adds a delta shock",
        ),
        ({"index_price": 0}, "index_price: got 0.0. Give a positive price"),
        ({"expected": {}}, "expected: not a table, or empty"),
        ({"positions": {}}, "positions: not a list"),
        (
            {"positions": [{"instrument": "BTC-1JUL24", "size": 1, "expiry": None}]},
            "BTC-1JUL24, expiry: none",
        ),
        ({"expected": {"worst": 1}}, "unknown quantity 'worst'"),
        ({"expected": {"aggregated_extended": [0]}}, "1 numbers. The settings of the case give 8"),
        ({"expected": {"roll_shock": "x"}}, "roll_shock: 'x' is not a number"),
        ({"timestamp_ms": 1800000000000}, "is past at the time of the case"),
    ],
)
def test_a_case_of_deribit_that_is_not_established_ends_with_one_line(changes, words, command):
    code, output, errors = command(deribit(**changes))
    assert code == 2 and output == "" and words in errors and "by hand" in errors


def test_options_and_other_doubts_of_positions_and_settings_are_all_named(command):
    document = deribit()
    case = document["cases"][0]
    case["positions"] += [
        {"instrument": "BTC-1JUL24-50000-C", "size": 1.0, "mark": 0.1, "expiry": None},
        {"instrument": "BTC_USDC-PERPETUAL", "size": 1.0, "mark": 1.0, "expiry": None},
        {"instrument": "BTC-PERPETUAL", "size": "x", "mark": 1.0, "expiry": "soon"},
    ]
    case["model_params"] |= {
        "haircut": 0.1, "price_range": 16, "buckets_each_side": 0, "extended_moves": [-1.0],
    }  # fmt: skip
    code, _, errors = command(document)
    assert code == 2
    for words in (
        "BTC-1JUL24-50000-C: not an inverse future",
        "BTC_USDC-PERPETUAL: not an inverse future",
        "BTC-PERPETUAL: listed twice",
        "size: 'x' is not a number",
        "expiry: got 'soon'",
        "haircut: got 0.1",
        "Write 16 % as 0.16",
        "buckets_each_side: got 0",
        "extended_moves: got [-1.0]",
    ):
        assert words in errors
