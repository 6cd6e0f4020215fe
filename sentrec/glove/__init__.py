"""GloVe vectors: fetched once, stored as a memory-mapped matrix, shared by every encoder."""
