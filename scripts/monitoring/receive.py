#!/usr/bin/env python3
"""What stands in for a chat, a mail server and the trainer: takes what Alertmanager sends and writes it down.

receive.py HTTP-PORT SMTP-PORT FILE    appends one line of JSON a message; an SMTP port of 0 takes no mail
"""

import email
import email.policy
import http.server
import json
import socketserver
import sys
import threading
import time

lock = threading.Lock()


def note(file, **message):
    with lock, open(file, "a", encoding="utf-8") as out:
        out.write(json.dumps({"at": time.time(), **message}) + "\n")


def http_server(port, file):
    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            note(file, path=self.path, authorization=self.headers.get("Authorization"), body=body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    return http.server.ThreadingHTTPServer(("127.0.0.1", port), Hook)


def mail_server(port, file):
    """As much of SMTP (RFC 5321) as a sender without TLS and log-in needs."""

    class Mail(socketserver.StreamRequestHandler):
        def handle(self):
            self.say("220 here")
            while line := self.rfile.readline().decode():
                match line[:4].upper().strip():
                    case "DATA":
                        self.say("354 go on")
                        self.take()
                        self.say("250 taken")
                    case "QUIT":
                        self.say("221 bye")
                        return
                    case _:
                        self.say("250 fine")

        def take(self):
            lines = []
            while (line := self.rfile.readline()) != b".\r\n":
                lines.append(line[1:] if line.startswith(b"..") else line)
            message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
            parts = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
            note(file, path="mail", subject=message["Subject"], to=message["To"], body=parts)

        def say(self, text):
            self.wfile.write(f"{text}\r\n".encode())

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    return Server(("127.0.0.1", port), Mail)


def main():
    http_port, smtp_port, file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    if smtp_port:
        threading.Thread(target=mail_server(smtp_port, file).serve_forever, daemon=True).start()
    http_server(http_port, file).serve_forever()


main()
