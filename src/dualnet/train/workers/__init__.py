"""A fit on workers of a Ray cluster: who starts them, what each does, and what happens when one dies."""
