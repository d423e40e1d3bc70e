"""Raw files of every format: which events they hold, and dense images block by block."""
