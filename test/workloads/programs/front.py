# Counts its own work and has a counter behind it count, too, over one connection that it opened itself.
import os
import socket
import socketserver
import threading
import time

PORT = 7000
PATIENCE = 30
lock = threading.Lock()


class Behind:
    def __init__(self, address):
        self.address = address
        self.connection = None
        self.sessions = 0

    def ask(self, command):
        while True:
            try:
                if self.connection is None:
                    self.connection = socket.create_connection((self.address, 6379), 0.5)
                    self.connection.settimeout(PATIENCE)
                    self.lines = self.connection.makefile("rb")
                    self.sessions += 1
                self.connection.sendall(command + b"\r\n")
                line = self.lines.readline()
                if line[:1] == b":":
                    return int(line[1:])
            except OSError:
                pass
            if self.connection is not None:
                self.connection.close()
                self.connection = None
            time.sleep(0.05)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        global count
        for line in self.rfile:
            with lock:
                if line == b"work\n":
                    count += 1
                    answered = behind.ask(b"INCR front")
                else:
                    answered = behind.ask(b"INCRBY front 0")
                answer = f"{count} {behind.sessions} {answered}\n"
            self.wfile.write(answer.encode())


count = 0
behind = Behind(os.environ["BEHIND"])
Server(("", PORT), Handler).serve_forever()
