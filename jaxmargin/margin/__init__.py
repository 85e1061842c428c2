"""Rulebooks: from account P&L to margin requirements."""

from jaxmargin.margin._requirement import Requirement as Requirement
from jaxmargin.margin._risk_measure import RiskMeasureRulebook as RiskMeasureRulebook
from jaxmargin.margin._rulebook import AbstractRulebook as AbstractRulebook
from jaxmargin.margin._rulebook import charged as charged
from jaxmargin.margin._run import MarginRun as MarginRun
from jaxmargin.margin._run import start_run as start_run
from jaxmargin.margin._run import update_run as update_run
