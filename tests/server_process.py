"""`dualnet serve` in a process of its own, on a free port: the address that it prints, and what it said where a test fails."""

import json
import os
import subprocess
import sys
import tempfile

PATIENCE = 300.0  # seconds for an answer and for an orderly end; a busy machine is no fault


class ServerProcess:
    """A server that was started; at the end of the block it is gone.

    Parameters
    ----------
    arguments : sequence of str
        Of `dualnet serve`, besides the port.
    environment : mapping of str to str
        What differs from that of the tests.
    """

    def __init__(self, *arguments, **environment):
        code = "from dualnet.cli import run; run()"
        command = [sys.executable, "-c", code, "serve", *map(str, arguments), "--port", "0", "--json", "--grace", "0"]
        own = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe that nobody reads would stop the server when it is full
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True, env=own)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.communicate()
        self._log.close()

    def address(self):
        """Wait until it says where it is."""
        text = ""
        while not text.endswith("}\n") or text.count("{") != text.count("}"):
            line = self.process.stdout.readline()
            assert line, f"the server ended with {self.process.wait()} before it said its address: {self.told()}"
            text += line
        return json.loads(text)["address"]

    def told(self):
        """What it has written on standard error until now."""
        return os.pread(self._log.fileno(), 2**24, 0).decode()

    def ended(self, signal=None):
        """Send it a signal, if one is named, and wait for its end; its exit code and what it has written on standard error."""
        if signal is not None:
            self.process.send_signal(signal)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the server did not end in {PATIENCE:.0f} s: {self.told()}") from None
        return code, self.told()
