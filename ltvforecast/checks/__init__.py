"""Fit checks: is the fitted model like the data it was fitted to, and if not, what to do."""
