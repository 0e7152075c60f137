"""Models: DualNet and the baselines it has to beat, under one contract."""
