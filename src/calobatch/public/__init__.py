"""What is known about the public files: where they are, and what their content must be.

fetch downloads the files by this knowledge, and pack compares them with it.
"""
