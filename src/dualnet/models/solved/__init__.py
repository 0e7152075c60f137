"""The solved levels: factors with a prior from content, and content as it is, solved for jointly on the user's side."""
