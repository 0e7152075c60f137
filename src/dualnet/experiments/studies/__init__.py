"""The paper's tables and claims as lists of runs: what is fitted, on what, and what the paper found."""
