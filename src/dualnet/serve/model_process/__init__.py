"""The service in a process of its own, beside the one that speaks HTTP: neither waits for the other's Python."""
