"""The names of the files of a packed store.

Like ``run/files.py``, this module imports no package, because the head process needs the names.
"""

EVENTS_FILE = "events.arrow"
MANIFEST_FILE = "manifest.json"
STORE_FILES = (EVENTS_FILE, MANIFEST_FILE)
