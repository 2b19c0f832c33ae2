"""From a fitted model to what each partner is worth: exact simulation, value, roll-up, files."""
