"""Revaluation of the book: contract P&L, then accounts."""

from jaxmargin.valuation._accounts import Progress as Progress
from jaxmargin.valuation._accounts import over_blocks as over_blocks
from jaxmargin.valuation._accounts import revalue as revalue
from jaxmargin.valuation._accounts import stream_accounts as stream_accounts
from jaxmargin.valuation._accounts import stream_pnl as stream_pnl
from jaxmargin.valuation._contracts import contract_pnl as contract_pnl
from jaxmargin.valuation._contracts import pnl_by_value as pnl_by_value
from jaxmargin.valuation._execution import Execution as Execution
from jaxmargin.valuation._execution import ample_chunk_rows as ample_chunk_rows
from jaxmargin.valuation._execution import memory_errors as memory_errors
from jaxmargin.valuation._finite import rows_not_finite as rows_not_finite
from jaxmargin.valuation._losses import ScenarioWeights as ScenarioWeights
from jaxmargin.valuation._losses import stream_losses as stream_losses
from jaxmargin.valuation._slopes import stream_slopes as stream_slopes
