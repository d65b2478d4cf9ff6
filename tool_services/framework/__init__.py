"""What every tool service is built from.

It knows nothing of any domain: no listing, no market, no report.
"""
