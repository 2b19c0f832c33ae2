"""Data in: transactions, refunds, attribution, the customer summary, and data to try on."""
