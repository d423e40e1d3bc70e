"""What the rules of the workflow decide, as plain functions: which files, which jobs, where.

The rule files in workflow/rules only connect these to Snakemake's wildcards.
"""
