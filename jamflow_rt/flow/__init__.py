"""The flow: what training and sampling share."""
