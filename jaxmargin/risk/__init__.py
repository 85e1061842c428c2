"""Risk measures: value at risk, expected shortfall, worst case; of all accounts, streamed."""

from jaxmargin.risk._accounts import RiskEstimate as RiskEstimate
from jaxmargin.risk._accounts import estimate_risk as estimate_risk
from jaxmargin.risk._accounts import estimate_slopes as estimate_slopes
from jaxmargin.risk._base import AbstractRiskMeasure as AbstractRiskMeasure
from jaxmargin.risk._base import AbstractTailMeasure as AbstractTailMeasure
from jaxmargin.risk._base import tail_share as tail_share
from jaxmargin.risk._harrell_davis import HarrellDavis as HarrellDavis
from jaxmargin.risk._levels import ExpectedShortfall as ExpectedShortfall
from jaxmargin.risk._levels import ValueAtRisk as ValueAtRisk
from jaxmargin.risk._smooth import AbstractSmoothMeasure as AbstractSmoothMeasure
from jaxmargin.risk._smooth import KernelExpectedShortfall as KernelExpectedShortfall
from jaxmargin.risk._smooth import KernelValueAtRisk as KernelValueAtRisk
from jaxmargin.risk._worst import WorstCase as WorstCase
