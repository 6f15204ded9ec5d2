"""The filesystem cluster: files, search, patches and code, in the folders that the operator grants and nowhere else."""
