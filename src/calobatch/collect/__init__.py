"""collect: write all runs of a scenario to MLflow (nothing else does) and to the leaderboard."""
