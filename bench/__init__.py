"""Measurements, as ratios within one run. Never imported by the product."""
