"""Child of the kill test: train with checkpoints in the folder given, go on where it stopped, print the digest."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from test_trainer import make_trainer

trainer = make_trainer(Path(sys.argv[1]), resume=True, epochs=40)
print("training", flush=True)
trainer.fit()
print(trainer.digest())
