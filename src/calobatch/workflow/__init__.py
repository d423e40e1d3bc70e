"""Decide for the rules of the workflow which files they use and what their jobs request.

These are plain functions with unit tests. The rule files in workflow/rules only connect them to
Snakemake's wildcards.
"""
