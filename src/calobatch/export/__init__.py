"""export: write the model of a run for use without calobatch, with a model card."""
