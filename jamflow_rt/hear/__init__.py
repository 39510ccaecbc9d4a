"""Hearing the user: voice activity, the echo gate, and the events made of both."""
