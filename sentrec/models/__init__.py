"""Text models: the interface, its kinds, weights, quantization."""
