"""What moves from a source to a target: arms, label budgets, seeds, and a verdict that the numbers support."""
