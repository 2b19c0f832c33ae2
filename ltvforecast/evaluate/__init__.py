"""How right the forecasts would have been: past dates replayed, scored, and compared."""
