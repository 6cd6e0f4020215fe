"""Shared token embeddings, an encoder and a head make a text classifier."""
