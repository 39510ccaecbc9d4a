"""Many clients of a server at once, and what each of them gets of it."""
