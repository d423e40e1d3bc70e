from tests.public_files import hdf5, parquet, pin

__all__ = ["hdf5", "parquet", "pin"]
