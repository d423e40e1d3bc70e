"""fetch: download the public files that config/datasets.csv lists, resumable and checked."""
