"""Quark and gluon jets: Pythia's collisions through a CMS-like barrel of a few formulas."""
