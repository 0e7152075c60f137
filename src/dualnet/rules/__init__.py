"""Rules on a list: what they are, how they are written, and the list that follows from them."""
