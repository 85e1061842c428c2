"""Oracle files through the command: shared cases pass, a wrong figure fails, wrong files end."""

import json

import pytest
from reference import oracle, reference

from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs import run_conform

FILES = {"dydx_v4": 12, "drift_weights": 8, "vega_lognormal": 13}

# 7,000 quantums of 1e-4 coins at 5,555 USDC: 38.885 USDC at 1 %, half of it at 0.5 %
CASE = {
    "id": "by hand",
    "price": 55550,
    "price_exponent": -1,
    "base_atomic_resolution": -4,
    "base_quantums": 7000,
    "initial_margin_ppm": 10000,
    "maintenance_fraction_ppm": 500000,
    "open_interest_base_quantums": None,
    "oi_lower_cap_quote_quantums": 0,
    "oi_upper_cap_quote_quantums": 0,
    "expected": {
        "initial_margin_quote_quantums": 38885000,
        "maintenance_margin_quote_quantums": 19442500,
    },
}
FILE = {
    "schema": "jaxmargin-oracle/1",
    "rulebook": "dydx.v4 (a remark)",
    "tolerance": {"absolute": 0},
    "cases": [CASE],
}


@pytest.fixture
def command(run_command, tmp_path):
    """Run the command on a text, or on an object as JSON; its exit code, output and errors."""

    def run(content):
        path = tmp_path / "oracle.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return run_command("conform", path)

    return run


@pytest.mark.parametrize(("name", "cases"), FILES.items())
def test_every_case_of_a_shared_file_passes(name, cases):
    result = run_conform(reference(f"oracles/margin/{name}.json"))
    assert (result.cases, result.passed, result.failing) == (cases, cases, ())


@pytest.mark.parametrize("name", FILES)
def test_every_number_of_a_shared_file_decides(name, command):
    document = oracle(f"margin/{name}.json")
    for case in document["cases"]:
        if "expected" in case:
            quantity = sorted(case["expected"])[0]
            case["expected"][quantity] += 1
        else:
            case["expected_weight_1e4"] += 1
    code, output, _ = command(document)
    assert code == 1 and f": 0 of {FILES[name]} cases pass." in output


def test_the_command_prints_what_passes_and_fails(command):
    wrong = {**CASE, "id": "one quantum off", "expected": dict(CASE["expected"])}
    wrong["expected"]["initial_margin_quote_quantums"] += 1
    invalid = {"id": "refused by the chain", "valid": False}
    code, output, errors = command({**FILE, "cases": [CASE, wrong, invalid]})
    assert code == 1 and errors == ""
    assert "1 of 2 cases pass" in output and "Skipped, invalid by the file: 1" in output
    assert "Failing: one quantum off" in output
    assert f"{1 / 38885001:.3g} (one quantum off, initial_margin_quote_quantums)" in output
    code, output, _ = command(FILE)
    assert code == 0 and "1 of 1 cases pass" in output


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{not JSON", "Write it in JSON"),
        ("[]", "not a JSON object"),
        ({**FILE, "schema": "jaxmargin-oracle/2"}, "schema is 'jaxmargin-oracle/2'"),
        ({key: FILE[key] for key in FILE if key != "rulebook"}, "key 'rulebook' is missing"),
        ({**FILE, "rulebook": "dydx.v5"}, "did you mean 'dydx.v4'?"),
        ({**FILE, "cases": []}, "there is no case"),
        ({**FILE, "cases": [CASE, CASE]}, "id 'by hand' is taken"),
        ({**FILE, "cases": [{**CASE, "valid": False}]}, "all are invalid"),
        ({**FILE, "tolerance": {"note": "as printed"}}, "Give absolute or relative"),
        ({**FILE, "tolerance": {"absolute": -1}}, "Give a number, not below 0"),
        (
            {**FILE, "cases": [{**CASE, "price": "high"}]},
            "price: 'high' is not an integer",
        ),
        ({**FILE, "cases": [{**CASE, "expected": {}}]}, "nothing is expected"),
        ({**FILE, "cases": [{**CASE, "expected": {"im": 1}}]}, "unknown quantity 'im'"),
        ({**FILE, "cases": [{"id": "bare", "expected": {}}]}, "bare: key 'price' is missing"),
        ({**FILE, "cases": [{**CASE, "initial_margin_ppm": -1}]}, "initial_margin_ppm must lie"),
    ],
)
def test_a_wrong_file_ends_with_one_clear_line(content, words, command):
    code, output, errors = command(content)
    assert code == 2 and output == ""
    assert words in errors and errors.count("error: ") == 1


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match=r"absent\.json: no such file"):
        run_conform(tmp_path / "absent.json")
