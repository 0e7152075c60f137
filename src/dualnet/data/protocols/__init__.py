"""The evaluation protocols, one in each module; `dualnet.data.splits` offers them all."""
