"""simulate: raw files that stand in for the public data, one simulation per folder.

``crops`` makes electrons and photons, ``jets`` makes quark and gluon jets. Neither imports the
other.
"""
