"""What stands between this process and the gateway that leads callers to it."""
