"""The linear model of n-grams: features, naive Bayes, latent semantic analysis, fitting, baselines."""
