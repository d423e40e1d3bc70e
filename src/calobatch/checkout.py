"""Where this copy of the repository is."""

from pathlib import Path

# calobatch runs from a checkout, never from site-packages: the images have only its dependencies.
CHECKOUT = Path(__file__).resolve().parents[2]
