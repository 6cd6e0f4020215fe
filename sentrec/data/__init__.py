"""Named datasets and local files, made into encoded batches."""
