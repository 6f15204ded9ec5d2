"""Several clusters at once: the fleet as local processes."""
