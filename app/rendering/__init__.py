"""What readers get: an answer's events as HTML, as Markdown's patches, as a stream or a page."""
