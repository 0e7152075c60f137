"""Four gloo processes that stay alive for all tests: some or all of them run a function, each with its collectives."""

import contextlib
import datetime
import traceback
from multiprocessing import get_context

SIZES = (1, 2, 3, 4)
SECONDS = 600.0  # a test that hangs fails, not the whole run; a busy machine is no fault


class World:
    """Processes with a gloo group; `run(function, *args, size=n)` returns what `function(group, *args)` returns on each rank.

    The function is one of a test module, by its name; its arguments are data.
    """

    def __init__(self, folder, size=SIZES[-1]):
        context = get_context("forkserver")  # torch is imported once, not once a process
        context.set_forkserver_preload(["torch.distributed", "scipy.sparse", "dualnet.distributed.collectives"])
        self.ends, self.processes = [], []
        for rank in range(size):
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, rank, size, f"file://{folder / 'store'}"), daemon=True)
            process.start()
            self.ends.append(here)
            self.processes.append(process)

    def run(self, function, *args, size):
        """Return the results in rank order; an error of a rank is this process's, with its traceback."""
        for end in self.ends[:size]:
            end.send((function, args, size))
        found = []
        for rank, end in enumerate(self.ends[:size]):
            assert end.poll(SECONDS), f"rank {rank} of {size} says nothing in {SECONDS:.0f} s"
            try:
                found.append(end.recv())
            except EOFError:
                self.processes[rank].join(SECONDS)
                raise AssertionError(f"rank {rank} of {size} ended with {self.processes[rank].exitcode}") from None
        failed = [text for kind, text in found if kind == "error"]
        assert not failed, failed[0]
        return [value for _, value in found]

    def close(self):
        """End the processes."""
        for end in self.ends:
            with contextlib.suppress(OSError):  # a process that a test ended hears nothing
                end.send(None)
        for process in self.processes:
            process.join(10)
            if process.is_alive():
                process.kill()


def _serve(end, rank, size, store):
    import torch
    import torch.distributed as dist

    from dualnet.distributed.collectives import ProcessGroup

    torch.set_num_threads(1)
    limit = datetime.timedelta(seconds=SECONDS)
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=size, timeout=limit)
    groups = {count: dist.new_group(list(range(count)), timeout=limit) for count in range(1, size + 1)}
    while (asked := end.recv()) is not None:
        function, args, count = asked
        try:
            end.send(("value", function(ProcessGroup(groups[count], limit=SECONDS), *args)))
        except BaseException:  # the test is to say what was wrong on a rank
            end.send(("error", f"rank {rank}: {traceback.format_exc()}"))
