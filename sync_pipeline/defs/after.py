"""`python -m sync_pipeline.defs.after PORT COMMAND …`: wait until something listens on PORT, then become COMMAND.

A webserver that starts before its code server shows a broken code location until somebody reloads it.
"""

import os
import socket
import sys
import time

_SECONDS = 120.0


def main(port: int, command: list[str]) -> None:
    """Wait, then become the command. Starts it in any case after two minutes: its own error says more."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            break
    os.execv(command[0], command)  # noqa: S606 - a command of our own


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
