"""Counts visits twice: in the database, and in its own memory, which a checkpoint keeps."""
import os
import socket
from http.server import BaseHTTPRequestHandler, HTTPServer

served = 0


def increment():
    with socket.create_connection((os.environ["DATABASE"], 6379), timeout=2) as database:
        database.sendall(b"INCR visits\r\n")
        return int(database.recv(64)[1:])


class App(BaseHTTPRequestHandler):
    def do_GET(self):
        global served
        if self.path == "/health":
            return self.reply("ok")
        served += 1
        self.reply(f"{os.environ['NAME']} visits={increment()} served={served}")

    def reply(self, text):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode() + b"\n")

    def log_message(self, *_):
        pass


HTTPServer(("", 8080), App).serve_forever()
