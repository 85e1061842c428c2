"""Frameworks: what the shipped files say, and one clear sentence for everything wrong in a file."""

from datetime import date

import pytest

from jaxmargin.checks import CHECKS, Basis, CheckStatus, evaluate_checks
from jaxmargin.errors import InvalidInputError
from jaxmargin.io import Problems, framework_library, read_framework


def shipped(name):
    problems = Problems()
    found = read_framework(framework_library()[name], problems)
    assert problems.found == []
    return found


def limits(name, check, **but):
    """Limits of a check by products and article."""
    return {
        (c.products, c.citation.article): c.limits for c in shipped(name).checks if c.id == check
    }


def test_every_shipped_framework_is_read_and_names_known_checks():
    assert set(framework_library()) == {"emir", "frtb", "pfmi", "umr", "vara"}
    for name in framework_library():
        found = shipped(name)
        assert found.name == name and found.checks
        assert {check.id for check in found.checks} <= set(CHECKS)
        assert all(check.citation.date <= date(2026, 11, 26) for check in found.checks)


@pytest.mark.parametrize("name", framework_library())
def test_without_evidence_nothing_is_evaluated(name):
    found = evaluate_checks(shipped(name), {})
    assert {each.status for each in found} == {CheckStatus.NOT_EVALUATED}
    assert all("not given: " in each.reason for each in found)


def test_the_union_asks_for_its_published_figures():
    """Regulation 153/2013, articles 24 to 28 and 42."""
    article = "article 24(1)"
    assert limits("emir", "R01") == {
        ("over-the-counter", article): {"least_level": 0.995},
        ("other", article): {"least_level": 0.99},
        ("other-in-gross-client-accounts", article): {"least_level": 0.99},
    }
    assert [each["least_horizon_days"] for each in limits("emir", "R02").values()] == [5, 2, 1]
    (history,) = limits("emir", "R03").values()
    least = {"least_lookback_days": 365, "least_stress_share": 0}
    assert history == least | {"most_history_age_days": 2}
    (tools,) = limits("emir", "R04").values()
    assert tools["least"] == {"stress_buffer": 0.25, "stressed_weight": 0.25, "lookback_floor": 10}
    (offsets,) = limits("emir", "R05").values()
    assert offsets == {"most_offset": 0.8}
    (hourly,) = limits("emir", "R15").values()
    assert hourly == {"most_age_minutes": 60, "trigger": 1.1}
    (shares,) = limits("emir", "R13").values()
    assert list(shares.values()) == [0.1, 0.25, 0.5]


def test_other_frameworks_ask_for_their_figures():
    """Principle 6; MAR32 and 33, 2022/2059 article 9, CRR 325bf; 2016/2251; VARA V.G.8."""
    assert [c["least_level"] for c in limits("pfmi", "R01").values()] == [0.99]
    assert [c["cover"] for c in limits("pfmi", "R16").values()] == ["largest", "two-largest"]
    assert [c["least_level"] for c in limits("frtb", "R01").values()] == [0.975]
    assert [c["most_exceedances"] for c in limits("frtb", "R07").values()] == [12, 30]
    (green,) = limits("frtb", "R10").values()
    assert green == {"correlation_above": 0.8, "distance_below": 0.09, "least_days": 250}
    assert [c["least_horizon_days"] for c in limits("umr", "R02").values()] == [10]
    assert [c["least_stress_share"] for c in limits("umr", "R03").values()] == [0.25]
    assert [c["most_leverage"] for c in limits("vara", "R19").values()] == [{"retail": 5}]


def test_what_was_not_read_is_marked():
    """As VALIDATION marks [K]: cover, principle 6, MAR33, 2016/2251; and what was chosen here."""
    basis = {
        name: {c.id for c in shipped(name).checks if c.citation.basis is kind}
        for name, kind in (("emir", Basis.RECALLED), ("umr", Basis.RECALLED), ("vara", Basis.READ))
    }
    assert basis == {"emir": {"R16"}, "umr": {"R01", "R02", "R03", "R21"}, "vara": {"R19"}}
    assumed = {c.id for c in shipped("emir").checks if c.citation.basis is Basis.ASSUMED}
    assert assumed == {"R06", "R07", "R08", "R12", "R14", "R17", "R18"}


def test_products_choose_among_limits_and_all_apply_without():
    evidence = {"level": 0.99, "horizon_days": 2}
    found = {}
    for products in ("", "other", "over-the-counter"):
        results = evaluate_checks(shipped("emir"), evidence, products=[products])
        found[products] = [(r.id, r.status.name) for r in results if r.id in ("R01", "R02")]
    assert found["other"] == [("R01", "PASS"), ("R02", "PASS")]
    assert found["over-the-counter"] == [("R01", "FAIL"), ("R02", "FAIL")]
    assert len(found[""]) == 6


def test_evidence_that_no_check_uses_is_refused():
    with pytest.raises(InvalidInputError, match="no check uses: levle"):
        evaluate_checks(shipped("emir"), {"levle": 0.99})


GOOD = """\
title = "t"
framework = "f"
[[check]]
id = "R01"
article = "a"
source = "s"
date = 2024-03-07
recalled = true
[check.limits]
least_level = 0.99
"""


def read(tmp_path, text):
    path, problems = tmp_path / "own.toml", Problems()
    path.write_text(text)
    return read_framework(path, problems), problems.found


def test_a_file_of_ones_own_is_read(tmp_path):
    found, problems = read(tmp_path, GOOD)
    assert problems == [] and found.checks[0].citation.basis is Basis.RECALLED
    (result,) = evaluate_checks(found, {"level": 0.99})
    assert result.status is CheckStatus.PASS
    assert str(result.citation) == "f, a (s, 2024-03-07) [recalled]"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "t"', 'titel = "t"', "no key 'titel' (did you mean 'title'?)"),
        ('article = "a"', 'artikle = "a"', "no key 'artikle' (did you mean 'article'?)"),
        ("least_level", "least_levels", "no key 'least_levels' (did you mean 'least_level'?)"),
        ('"R01"', '"R011"', "no check 'R011' (did you mean 'R"),
        ("0.99", '"high"', "least_level: got 'high'. Give a number"),
        ("0.99", "nan", "least_level: got nan. Give a number"),
        ("date = 2024-03-07", "", "date: got None. Give the day of the text: 2024-03-07."),
        ("recalled = true", "recalled = true\nassumed = true", "Make one of them true."),
        ("recalled = true", 'recalled = "yes"', "recalled and assumed cannot be used"),
        ('source = "s"', "source = 1", "source: got 1. Give a text."),
        ('"R01"', '"R03"', "no key 'least_level'. It may have least_lookback_days"),
        (
            '"R01"\narticle = "a"\nsource = "s"\ndate = 2024-03-07\nrecalled = true\n'
            "[check.limits]\nleast_level = 0.99",
            '"R16"\narticle = "a"\nsource = "s"\ndate = 2024-03-07\n'
            '[check.limits]\ncover = "three"',
            "cover must be one of largest, largest-or-second-and-third, two-largest; got 'three'",
        ),
    ],
)  # fmt: skip
def test_everything_wrong_is_said(tmp_path, old, new, said):
    assert old in GOOD
    found, problems = read(tmp_path, GOOD.replace(old, new))
    assert found is None and any(said in problem for problem in problems), problems
