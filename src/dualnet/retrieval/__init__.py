"""Finding the best-scoring items."""
