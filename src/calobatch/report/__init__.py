"""report: write one self-contained page with all results of a scenario."""
