"""Training: batches, objective, schedules, the trainer and its checkpoints; knows no model by name."""
