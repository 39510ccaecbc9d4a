"""`jamflow-rt bench`: how fast it is on this machine. A module a measure; `run` calls them all."""
