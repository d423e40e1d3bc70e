"""fetch: resumable, checked download of the public files that config/datasets.csv lists."""
