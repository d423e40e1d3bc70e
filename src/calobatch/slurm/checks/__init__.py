"""What `calobatch doctor` looks at, one kind of check a file."""
