"""Rulebooks: from account P&L to margin requirements."""

from jaxmargin.margin._expected_shortfall import (
    ExpectedShortfallRulebook as ExpectedShortfallRulebook,
)
from jaxmargin.margin._requirement import Requirement as Requirement
from jaxmargin.margin._rulebook import AbstractRulebook as AbstractRulebook
