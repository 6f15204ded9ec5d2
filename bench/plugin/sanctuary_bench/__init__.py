"""What the benchmarks call."""
