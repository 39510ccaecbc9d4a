"""The portraits that come with the package, drawn by code. They depict nobody."""
