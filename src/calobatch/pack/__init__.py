"""pack: turn raw files into a sparse, memory-mapped store, and decide the split."""
