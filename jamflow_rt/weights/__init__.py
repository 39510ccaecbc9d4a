"""Public weights of others, read safely and brought into our modules name by name."""
