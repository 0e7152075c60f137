"""Long trials of what must never happen: kills, disk faults, fuzzing, bad input, soak. See `python -m campaign`."""
