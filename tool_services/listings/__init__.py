"""The listings service: homes for sale, and reports about them by e-mail; see `service`."""
