"""One run in several processes: what they say to each other, and which rows are whose; knows no model by name."""
