"""What every simulated file states about itself, so that nobody takes it for detector data."""

STATEMENT = (
    "Stand-in simulated by calobatch in the layout of the public files. Not CMS data, and not the "
    "CMS simulation."
)
