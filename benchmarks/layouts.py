"""The two public layouts, as their files in config/layouts describe them."""

from calobatch.config.layout_file import read_layout

ELECTRON_PHOTON = read_layout("electron_photon")
QUARK_GLUON = read_layout("quark_gluon")
