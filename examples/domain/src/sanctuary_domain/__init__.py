"""Architecture decisions and tasks, kept as Markdown files: a tool pack for sanctuary-host."""
