"""The model's endpoint: requests, streamed replies, retries and limits."""
