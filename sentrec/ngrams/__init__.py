"""Linear models of n-grams: the baselines, and latent semantic analysis."""
