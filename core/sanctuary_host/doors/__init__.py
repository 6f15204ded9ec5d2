"""The single doors to what is dangerous, for packs to go through."""
