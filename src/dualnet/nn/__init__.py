"""Networks and losses in PyTorch, functions of tensors that know neither data sets nor models, and the shape of a tower without PyTorch."""
