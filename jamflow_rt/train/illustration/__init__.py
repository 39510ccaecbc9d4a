"""The default portrait, drawn by code. It depicts nobody."""
