"""One protocol a file; `dualnet.data.splits` is their front door."""
