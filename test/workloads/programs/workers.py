# Worker processes accept from one socket and count in memory that they share; whoever has a connection keeps it.
import fcntl
import mmap
import multiprocessing
import os
import socketserver
import threading

WORKERS = 3
PORT = 7000
counter = mmap.mmap(-1, 8)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            count = counted(1 if line == b"work\n" else 0)
            self.wfile.write(f"{count} {os.getpid()}\n".encode())


def counted(more):
    with threads:
        fcntl.lockf(processes, fcntl.LOCK_EX)
        count = int.from_bytes(counter[:8]) + more
        counter[:8] = count.to_bytes(8)
        fcntl.lockf(processes, fcntl.LOCK_UN)
        return count


def work():
    global threads, processes
    threads = threading.Lock()
    processes = open("lock", "w")
    server.serve_forever()


server = Server(("", PORT), Handler)
workers = [multiprocessing.Process(target=work, daemon=True) for _ in range(WORKERS)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
