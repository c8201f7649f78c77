"""Every figure of the README, measured beside its peer in one interleaved run. `make bench`, or one module alone."""
