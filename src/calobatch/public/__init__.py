"""What is known about the public files: where they are, and what their content must be.

fetch uses it to download the files, and pack compares the files with it.
"""
