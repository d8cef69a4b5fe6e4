"""Runs a command and prints, as JSON on file descriptor 3, what it took: wall time and processor time in ms, peak of memory and bytes that it read and wrote
by system calls, sockets included. Usage: measured-run.py COMMAND [ARGUMENT...]; ends with the command's exit code."""
import json
import os
import subprocess
import sys
import time

began = time.monotonic()
child = subprocess.Popen(sys.argv[1:], close_fds=True)
os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
wall = time.monotonic() - began
# Of a process that has ended and was not waited for yet, Linux still tells.
with open(f"/proc/{child.pid}/io") as file:
    io = dict(line.split(": ") for line in file.read().splitlines())
_, status, usage = os.wait4(child.pid, 0)
with os.fdopen(3, "w") as out:
    json.dump(
        {
            "wallMs": wall * 1000,
            "cpuMs": (usage.ru_utime + usage.ru_stime) * 1000,
            "rss": usage.ru_maxrss * 1024,
            "read": int(io["rchar"]),
            "written": int(io["wchar"]),
        },
        out,
    )
sys.exit(os.waitstatus_to_exitcode(status))
