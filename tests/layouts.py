"""The two public layouts, as their files in config/layouts describe them."""

from calobatch.config.layout_file import read_layout

ELECTRON_PHOTON = read_layout("electron_photon")
QUARK_GLUON = read_layout("quark_gluon")
LAYOUTS = {layout.name: layout for layout in (ELECTRON_PHOTON, QUARK_GLUON)}
# A made-up detector with three classes.
THREE_CLASSES = ELECTRON_PHOTON.model_copy(
    update={"name": "tracker", "classes": ("muon", "pion", "kaon"), "shares": None}
)
_FOUR = {"number": 4}
# Images of jets that are small enough for many tests.
SMALL_JETS = QUARK_GLUON.model_copy(
    update={
        "rows": QUARK_GLUON.rows.model_copy(update=_FOUR),
        "columns": QUARK_GLUON.columns.model_copy(update=_FOUR),
    }
)
