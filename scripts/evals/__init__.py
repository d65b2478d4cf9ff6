"""Ask a model the questions of each domain's `evals.toml`, and score what it did."""
