"""What the tool `code` knows of source text: languages, symbols, matches, faults and measures."""
