"""Electron and photon crops: parametrised showers in the crystals of a CMS-like barrel."""
