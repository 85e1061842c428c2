"""Collateral: what it is worth after haircuts, where it is eligible, and what it covers."""
