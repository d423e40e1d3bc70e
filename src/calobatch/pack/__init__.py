"""pack: turn raw HDF5 or parquet files into a sparse, memory-mapped store, and decide the split."""
