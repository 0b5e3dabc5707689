"""Just enough HTTP for this example, from sockets alone, so that the smallest Python runs it."""
import socket
import threading

PORT = 8080
PATIENCE_S = 2


def serve(answer):
    """Answers every request with `answer(path)`, a status and a text, each in a thread of its own."""
    listener = socket.create_server(("", PORT))
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=reply, args=(connection, answer), daemon=True).start()


def reply(connection, answer):
    with connection:
        try:
            connection.settimeout(PATIENCE_S)
            path = connection.recv(4096).split(b" ")[1].decode()
            status, text = answer(path)
            head = f"HTTP/1.0 {status}\r\ncontent-type: text/plain\r\ncontent-length: {len(text)}\r\n\r\n"
            connection.sendall((head + text).encode())
        except (OSError, IndexError):
            pass


def get(host, path="/"):
    """The text that `host` answers with; an OSError where it does not answer well."""
    with socket.create_connection((host, PORT), timeout=PATIENCE_S) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        response = b""
        while part := connection.recv(4096):
            response += part
    head, _, text = response.decode().partition("\r\n\r\n")
    if " 200" not in head:
        raise OSError(f"{host} answered: {head or 'nothing'}")
    return text
