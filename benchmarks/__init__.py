"""Side-by-side measurements of calobatch, each against a peer and a physical limit."""
