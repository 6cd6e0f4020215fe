"""Region embeddings learned from one's own unlabelled texts."""
