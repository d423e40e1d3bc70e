"""The checks of `calobatch doctor`, one file for each kind."""
