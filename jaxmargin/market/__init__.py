"""What a valuation reads: prices, forwards, rates and volatilities."""

from jaxmargin.market._arbitrage import Arbitrage as Arbitrage
from jaxmargin.market._arbitrage import find_arbitrage as find_arbitrage
from jaxmargin.market._calibration import FitStatus as FitStatus
from jaxmargin.market._calibration import SmileFit as SmileFit
from jaxmargin.market._calibration import quote_weight as quote_weight
from jaxmargin.market._dynamics import AbstractSmileDynamics as AbstractSmileDynamics
from jaxmargin.market._dynamics import StickyDelta as StickyDelta
from jaxmargin.market._dynamics import StickyMoneyness as StickyMoneyness
from jaxmargin.market._dynamics import StickyStrike as StickyStrike
from jaxmargin.market._fit_ssvi import fit_ssvi as fit_ssvi
from jaxmargin.market._fit_svi import fit_svi as fit_svi
from jaxmargin.market._market import Market as Market
from jaxmargin.market._marks import Marks as Marks
from jaxmargin.market._marks import MarkStatus as MarkStatus
from jaxmargin.market._marks import combine_marks as combine_marks
from jaxmargin.market._quotes import implied_volatilities as implied_volatilities
from jaxmargin.market._smiles import SSVI as SSVI
from jaxmargin.market._smiles import SVI as SVI
from jaxmargin.market._smiles import AbstractSmiles as AbstractSmiles
from jaxmargin.market._smiles import SmileVolatilities as SmileVolatilities
from jaxmargin.market._surfaces import AbstractVolatilitySurface as AbstractVolatilitySurface
from jaxmargin.market._surfaces import Interpolation as Interpolation
from jaxmargin.market._surfaces import QuotedVolatilities as QuotedVolatilities
from jaxmargin.market._term_structure import volatility_at_time as volatility_at_time
from jaxmargin.market._tilt import SmileTilt as SmileTilt
from jaxmargin.market._tilt import tilted as tilted
