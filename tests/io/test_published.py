"""What clearing houses publish, read from files."""

import pytest

from jaxmargin.io import Problems, published_library, read_published


def test_the_shipped_figures_are_those_that_the_house_prints():
    """Part 10: coverage 99.98 %, 10-day increase 40 %, peak above trough by 81 %; OTC by 339 %."""
    problems = Problems()
    table = read_published(published_library()["eurex-prisma"], problems).set_index("group")
    assert not problems.found and len(table) == 8
    index = table.loc["equity index, to 2023"]
    assert (index["coverage"], index["increase_10_days"], index["peak_to_trough"]) == (
        0.9998, 0.4, 1.81,
    )  # fmt: skip
    assert table.loc["OTC, to 2023", "peak_to_trough"] == pytest.approx(1.0 + 3.39)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = 1", "title: got 1. Give a text."),
        ("", "group: no list of tables. Write"),
        (
            '[[group]]\nname = "x"\ncoverag = 1.0',
            "unknown key 'coverag' (did you mean 'coverage'?)",
        ),
        ("[[group]]\ncoverage = 1.0", "group 1, name: got None. Name the products."),
        ('[[group]]\nname = "x"\ncoverage = nan', "coverage: got nan. Give a fraction from 0 on."),
    ],
)
def test_wrong_files_are_refused(tmp_path, text, message):
    problems, file = Problems(), tmp_path / "house.toml"
    file.write_text(text)
    assert read_published(file, problems) is None
    assert any(message in problem for problem in problems.found), problems.found
