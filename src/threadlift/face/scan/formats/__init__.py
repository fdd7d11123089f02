"""Readers of scan files: each turns bytes into `RawMesh`es or raises InputError, nothing else."""
