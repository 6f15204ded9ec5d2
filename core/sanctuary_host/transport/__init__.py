"""The ways in: the Model Context Protocol over streamable HTTP, HTTP with server-sent events, and standard streams."""
