"""LivePortrait (arXiv 2407.03168): a photo moved by implicit keypoints, in our own code."""
