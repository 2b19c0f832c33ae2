"""Fits the models: customer summary in, parameter draws out, with a verdict on both."""
