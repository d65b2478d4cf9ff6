"""The pages and the HTTP API: a blueprint for each noun."""
