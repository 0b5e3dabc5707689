"""Counts requests and chains each to all before it, so that an answer tells exactly which memory it comes from."""
import hashlib
import select
import socket

PORT = 7000

counter = 0
chain = "0" * 16


def answer(request):
    global counter, chain
    before = chain
    counter += 1
    chain = hashlib.sha256(f"{before} {request}".encode()).hexdigest()[:16]
    return f"{counter} {before} {chain} {request}\n".encode()


datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("", PORT))
listener = socket.create_server(("", PORT), backlog=64)
sources = {datagrams, listener}
rest = {}

while True:
    for source in select.select(sources, (), ())[0]:
        if source is listener:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sources.add(connection)
            rest[connection] = ""
        elif source is datagrams:
            request, sender = datagrams.recvfrom(512)
            datagrams.sendto(answer(request.decode().strip()), sender)
        else:
            try:
                text = source.recv(512).decode()
                *requests, rest[source] = (rest[source] + text).split("\n")
                for request in requests:
                    source.sendall(answer(request))
            except OSError:
                text = ""
            if not text:
                sources.discard(source)
                del rest[source]
                source.close()
