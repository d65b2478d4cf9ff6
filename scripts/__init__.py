"""What `make` runs: setting up, fetching the browser files, starting everything."""
