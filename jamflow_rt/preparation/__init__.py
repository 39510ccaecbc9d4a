"""Folders of videos → shards of clips for training at scale: `jamflow-rt prepare --shards`."""
