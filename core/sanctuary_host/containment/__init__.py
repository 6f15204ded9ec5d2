"""Where foreign code runs: worker processes that can be killed without hurting anybody else."""
