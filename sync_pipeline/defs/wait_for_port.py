"""`python wait_for_port.py PORT COMMAND …`: wait until PORT accepts connections, then run COMMAND.

A webserver that starts before its code server shows the code location as failed until somebody reloads it.
"""

import os
import socket
import sys
import time

_SECONDS = 120.0


def main(port: int, command: list[str]) -> None:
    """Wait at most two minutes, then replace this process with the command: its own error message says more."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            break
    os.execv(command[0], command)  # noqa: S606 - the command comes from `servers.py`


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
