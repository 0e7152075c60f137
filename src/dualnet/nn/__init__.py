"""Networks and losses in PyTorch; functions of tensors, knowing neither data sets nor models."""
