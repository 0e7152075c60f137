"""Networks and losses in PyTorch, functions of tensors, knowing neither data sets nor models; `spec` is the shape of a tower without PyTorch."""
