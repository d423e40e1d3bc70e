"""Compare the trainings of two tasks or settings on the same test events."""
