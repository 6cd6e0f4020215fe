"""Going on from a trained model: MAP adaptation of head and n-grams."""
