"""What the parts of the joint network are worth: one is changed, and all else stays equal."""
