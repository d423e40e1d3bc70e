"""What the simulations give, measured and drawn for the pages of docs/simulation."""
