"""collect: write all runs of a scenario to MLflow (nothing else does) and to the leaderboard."""

# It prepares for mlflow, before any module of this package can import that.
import calobatch.tracking  # noqa: F401
