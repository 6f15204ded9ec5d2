"""What `sanctuary-host` does besides serving, one command a file."""
