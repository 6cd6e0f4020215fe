"""Text to token ids, the way GloVe was trained."""
