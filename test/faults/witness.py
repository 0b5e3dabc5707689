"""Counts requests and chains each to all before it, so that an answer tells exactly which memory it comes from.

It also tells the chain as it was 1000 answers before, for who has not heard those between.
"""
import collections
import hashlib
import select
import socket

PORT = 7000
HEALTH_PORT = 8000

counter = 0
chain = "0" * 16
past = collections.deque([chain], maxlen=1001)


def answer(request):
    global counter, chain
    before = chain
    counter += 1
    chain = hashlib.sha256(f"{before} {request}".encode()).hexdigest()[:16]
    past.append(chain)
    return f"{counter} {before} {chain} {past[0]} {request}\n".encode()


datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("", PORT))
listener = socket.create_server(("", PORT), backlog=64)
# A connection alone would come about even while this program is stopped: the kernel accepts it.
health = socket.create_server(("", HEALTH_PORT), backlog=64)
sources = {datagrams, listener, health}
# What each connection has sent of its next request; None: it asks after the health.
rest = {}


def serve(connection):
    """False: the connection has ended."""
    text = connection.recv(512).decode()
    if rest[connection] is None:
        connection.sendall(b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n")
        return False
    *requests, rest[connection] = (rest[connection] + text).split("\n")
    for request in requests:
        connection.sendall(answer(request))
    return text != ""


while True:
    for source in select.select(sources, (), ())[0]:
        if source is listener or source is health:
            connection, _ = source.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sources.add(connection)
            rest[connection] = None if source is health else ""
        elif source is datagrams:
            request, sender = datagrams.recvfrom(512)
            datagrams.sendto(answer(request.decode().strip()), sender)
        else:
            try:
                goes_on = serve(source)
            except OSError:
                goes_on = False
            if not goes_on:
                sources.discard(source)
                del rest[source]
                source.close()
