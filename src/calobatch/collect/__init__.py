"""collect: every finished run into MLflow and the leaderboard; the only writer to MLflow."""
