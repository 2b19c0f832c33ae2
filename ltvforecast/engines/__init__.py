"""Where the per-block work runs: the same block function, here or elsewhere."""
