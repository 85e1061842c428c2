"""Finance-free kernels: normal distribution, tails, aggregation, interpolation, tiers, sizes."""

from jaxmargin.numerics._aggregation import add_tails as add_tails
from jaxmargin.numerics._aggregation import aggregate_rows as aggregate_rows
from jaxmargin.numerics._aggregation import tail_products as tail_products
from jaxmargin.numerics._ball_search import BallMaximum as BallMaximum
from jaxmargin.numerics._ball_search import maximize_in_ball as maximize_in_ball
from jaxmargin.numerics._ball_starts import ball_starts as ball_starts
from jaxmargin.numerics._buckets import bucket_size as bucket_size
from jaxmargin.numerics._buckets import slot_width as slot_width
from jaxmargin.numerics._compaction import compact_rows as compact_rows
from jaxmargin.numerics._implied_volatility import VolatilityStatus as VolatilityStatus
from jaxmargin.numerics._implied_volatility import (
    implied_total_volatility as implied_total_volatility,
)
from jaxmargin.numerics._interpolation import interpolate_rows as interpolate_rows
from jaxmargin.numerics._largest import joined_largest as joined_largest
from jaxmargin.numerics._largest import largest as largest
from jaxmargin.numerics._largest import running_largest as running_largest
from jaxmargin.numerics._least_squares import LeastSquares as LeastSquares
from jaxmargin.numerics._least_squares import minimize_squares as minimize_squares
from jaxmargin.numerics._marginal_tiers import marginal_tiers as marginal_tiers
from jaxmargin.numerics._marginal_tiers import upper_edges as upper_edges
from jaxmargin.numerics._mills_ratio import mills_ratio as mills_ratio
from jaxmargin.numerics._monotone import interpolate_rows_monotone as interpolate_rows_monotone
from jaxmargin.numerics._monotone import monotone_slopes as monotone_slopes
from jaxmargin.numerics._nearest_correlation import nearest_correlation as nearest_correlation
from jaxmargin.numerics._normal import normal_cdf as normal_cdf
from jaxmargin.numerics._normal import normal_pdf as normal_pdf
from jaxmargin.numerics._normal import normal_spread as normal_spread
from jaxmargin.numerics._products import exact_einsum as exact_einsum
from jaxmargin.numerics._products import exact_matmul as exact_matmul
from jaxmargin.numerics._selection import TailSelection as TailSelection
from jaxmargin.numerics._selection import select_tails as select_tails
from jaxmargin.numerics._smallest_ball import SmallestBall as SmallestBall
from jaxmargin.numerics._smallest_ball import reach_in_ball as reach_in_ball
from jaxmargin.numerics._sobol import sobol_directions as sobol_directions
from jaxmargin.numerics._sobol import sobol_uniforms as sobol_uniforms
from jaxmargin.numerics._standard_normals import standard_normals as standard_normals
from jaxmargin.numerics._trust_region import minimize_in_ball as minimize_in_ball
