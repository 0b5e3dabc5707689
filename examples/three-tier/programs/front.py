"""Hands each request to one of the applications, the next one where the first does not answer."""
import itertools
import os
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

apps = os.environ["APPS"].split(",")
turn = itertools.cycle(range(len(apps)))


class Front(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            return self.reply(200, b"ok\n")
        first = next(turn)
        for app in apps[first:] + apps[:first]:
            try:
                return self.reply(200, urllib.request.urlopen(f"http://{app}:8080/", timeout=2).read())
            except OSError:
                continue
        self.reply(503, b"no application answers\n")

    def reply(self, status, body):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


HTTPServer(("", 8080), Front).serve_forever()
