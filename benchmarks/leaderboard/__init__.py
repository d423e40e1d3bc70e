"""The published leaderboard: all models on the same simulated events."""
