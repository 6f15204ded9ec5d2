"""Arithmetic and algebra behind the calculator's tools, on a grammar of our own: no text is evaluated as code."""
