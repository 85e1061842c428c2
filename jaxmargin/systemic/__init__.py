"""What a venue as a whole can bear: default funds, waterfalls, liquidation."""

from jaxmargin.systemic._exposures import member_exposures as member_exposures
from jaxmargin.systemic._fund import FundSizing as FundSizing
from jaxmargin.systemic._fund import size_fund as size_fund
from jaxmargin.systemic._waterfall import Waterfall as Waterfall
from jaxmargin.systemic._waterfall import WaterfallResources as WaterfallResources
from jaxmargin.systemic._waterfall import run_waterfall as run_waterfall
