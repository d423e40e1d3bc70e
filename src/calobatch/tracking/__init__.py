"""MLflow: logging in to its server, its errors in words, and runs that are taken from it."""

import os

# MLflow imports GitPython, which complains at length if there is no git, as in the images. No run
# needs it: calobatch records the commit itself. GitPython reads this variable while it is imported,
# so it is set before any module of this package can import mlflow.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
