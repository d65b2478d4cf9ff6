"""The listings service: homes for sale, and reports about them by e-mail. It starts in `app`."""
