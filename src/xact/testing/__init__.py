"""Tools that test activations against the exact mathematics of their papers."""
