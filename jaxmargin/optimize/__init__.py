"""Which collateral to post where: exact allocation with certificates."""
