"""Vectors of one's own unlabelled texts: of words, continued from pretrained GloVe or from scratch, and of regions."""
