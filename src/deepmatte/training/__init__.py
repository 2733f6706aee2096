"""Training: from cut-out foregrounds to a model file. Needs torch; nothing outside this package does."""
