"""Colors and words of pages and pictures."""

import itertools
import unicodedata

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from result_folders import margin_folder

from jaxmargin.errors import InvalidInputError
from jaxmargin.report import plot_margins, save_picture
from jaxmargin.report._colors import DARK, LIGHT
from jaxmargin.report._words import exact, name_whole, rounded, rounded_error, short_name

# Machado, G., Oliveira, M. and Fernandes, L. (2009), severity 1.0, of linear RGB
SEEN = {
    "all colors": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
}  # fmt: skip


def linear(color):
    parts = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255.0
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one, two):
    """Of WCAG 2.2."""
    high, low = sorted((linear(c) @ [0.2126, 0.7152, 0.0722] for c in (one, two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def oklab(rgb):
    """Ottosson, B. (2020), "A perceptual color space for image processing"."""
    cones = np.array([[0.4122214708, 0.5363325363, 0.0514459929],
                      [0.2119034982, 0.6806995451, 0.1073969566],
                      [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
    lab = np.array([[0.2104542553, 0.7936177850, -0.0040720468],
                    [1.9779984951, -2.4285922050, 0.4505937099],
                    [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip
    return lab @ np.cbrt(cones @ np.clip(rgb, 0.0, 1.0))


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_has_a_contrast_of_four_and_a_half_and_series_of_three(theme):
    for name in ("text", "quiet", "link", "good", "warn", "bad"):
        for behind in ("background", "panel"):
            assert contrast(theme[name], theme[behind]) >= 4.5, (name, behind)
    for name in theme:
        if name.startswith("series-"):
            assert contrast(theme[name], theme["background"]) >= 3.0, name


@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_series_are_told_apart_whatever_colors_one_sees(theme, seen):
    """Two just noticeable differences of OKLab are about 0.04."""
    series = [color for name, color in theme.items() if name.startswith("series-")]
    for one, two in itertools.combinations(series, 2):
        apart = oklab(SEEN[seen] @ linear(one)) - oklab(SEEN[seen] @ linear(two))
        assert np.linalg.norm(apart) > 0.06, (one, two)


def test_both_themes_have_the_same_names():
    assert set(LIGHT) == set(DARK)


def test_figures_are_rounded_for_people_and_whole_in_titles():
    assert rounded(1_460_235.27) == "1.46 million" and rounded(44_493.67) == "44,494"
    assert rounded(999_999.6) == "1.00 million" and rounded(0.012345) == "0.0123"
    assert rounded(-2.5e9) == "-2.50 billion" and rounded(0.0) == "0"
    assert rounded_error(15_931.7) == "16,000" and rounded_error(2.94) == "2.9"
    assert rounded_error(0.0) == "0" and rounded_error(99.6) == "100"
    assert exact(1_460_235.27, "USD") == "1,460,235.27 USD" and exact(float("nan")) == "not known"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_a_name_shows_all_its_characters_on_one_line_of_bounded_length(text):
    for shown in (short_name(text, 40), name_whole(text, 40)):
        assert not {unicodedata.category(mark) for mark in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert len(short_name(text, 40)) <= 40
    if text.isascii() and text.isprintable() and len(text) <= 40:
        assert short_name(text, 40) == text


def test_a_picture_is_saved_as_text_and_always_the_same(tmp_path):
    table = pd.read_parquet(margin_folder(tmp_path / "m", ["a$b$", "<i>"]) / "requirements.parquet")
    texts = []
    for _ in range(2):
        figure = plot_margins(table, title="Largest", currency="USD")
        texts.append(save_picture(figure, tmp_path / "p.svg").read_text())
    assert texts[0] == texts[1]
    text = texts[0]
    assert "a$b$" in text and "&lt;i&gt;" in text and "Largest" in text
    assert save_picture(figure, tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InvalidInputError, match=r"\.png or \.svg"):
        save_picture(figure, tmp_path / "p.pdf")
