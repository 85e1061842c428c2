"""Kinds of instruments, each a batch of contracts with one formula."""

from jaxmargin.instruments._american_options import AmericanOptions as AmericanOptions
from jaxmargin.instruments._barrier_options import BarrierOptions as BarrierOptions
from jaxmargin.instruments._base import AbstractInstruments as AbstractInstruments
from jaxmargin.instruments._base import AbstractOptions as AbstractOptions
from jaxmargin.instruments._digital_options import DigitalOptions as DigitalOptions
from jaxmargin.instruments._inverse_futures import InverseFutures as InverseFutures
from jaxmargin.instruments._inverse_options import InverseOptions as InverseOptions
from jaxmargin.instruments._inverse_perpetuals import InversePerpetuals as InversePerpetuals
from jaxmargin.instruments._linear_futures import LinearFutures as LinearFutures
from jaxmargin.instruments._linear_options import LinearOptions as LinearOptions
from jaxmargin.instruments._linear_perpetuals import LinearPerpetuals as LinearPerpetuals
from jaxmargin.instruments._quanto_futures import QuantoFutures as QuantoFutures
from jaxmargin.instruments._quanto_perpetuals import QuantoPerpetuals as QuantoPerpetuals
from jaxmargin.instruments._spot import Spot as Spot
