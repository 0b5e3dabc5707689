"""Counts visits twice: in the database, and in its own memory, which a checkpoint keeps."""
import itertools
import os
import socket

import web

served = itertools.count(1)


def visits():
    with socket.create_connection((os.environ["DATABASE"], 6379), timeout=web.PATIENCE_S) as database:
        database.sendall(b"INCR visits\r\n")
        return int(database.recv(64)[1:])


def answer(path):
    if path == "/health":
        return 200, "ok\n"
    try:
        return 200, f"{os.environ['NAME']} visits={visits()} served={next(served)}\n"
    except (OSError, ValueError):
        return 503, "the database does not answer\n"


web.serve(answer)
