"""Time, calculation, identifiers and text: pure computation that touches nothing."""
