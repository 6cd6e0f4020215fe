"""From a run to a small model that can be shipped: fewer words and n-grams, weights in bytes, checked and described."""
