"""Training on shards of prepared clips, on one processor or on many machines (`accelerate`)."""
