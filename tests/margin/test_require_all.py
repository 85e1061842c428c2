"""Several rulebooks at once are each of them alone."""

import jax
import numpy as np
import pytest
from kinds import RULEBOOKS, VENUE_RULEBOOKS, book, book_of, market, name

from jaxmargin.errors import InvalidInputError
from jaxmargin.margin import FixedPercentage, require_all

FIXED = next(rule for rule in VENUE_RULEBOOKS if isinstance(rule, FixedPercentage))


def test_margins_are_those_of_each_rulebook_alone_bit_for_bit():
    held, rules = book_of(FIXED), [RULEBOOKS[0], FIXED, *RULEBOOKS[1:]]
    seen = []
    found = require_all(rules, held, market(), progress=lambda *step: seen.append(step))
    assert seen[-1] == (len(rules), len(rules))
    for rule, result in zip(rules, found, strict=True):
        alone = rule.requirement(held, market())
        for one, other in zip(jax.tree.leaves(result), jax.tree.leaves(alone), strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name(rule))
        assert list(result.components) == list(alone.components)


def test_a_book_that_one_rule_refuses_is_refused():
    with pytest.raises(InvalidInputError, match="FixedPercentage margins contracts of the kinds"):
        require_all([RULEBOOKS[0], FIXED], book(), market())
