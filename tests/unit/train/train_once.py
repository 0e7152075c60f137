"""Child of the kill test: train with checkpoints in the folder given, go on where it stopped; a line a step, then the digest."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from test_trainer import make_trainer


def say(epoch, step):
    print(epoch, step, flush=True)


trainer = make_trainer(Path(sys.argv[1]), resume=True, epochs=40, patience=40, after_batch=say)
trainer.fit()
print(trainer.digest())
