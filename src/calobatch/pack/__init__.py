"""pack: raw HDF5 or parquet to the sparse, memory-mapped store, with the split decided once."""
