#!/usr/bin/env python3
"""prefix.py PORT BASE: answers at PORT with what BASE + path answers."""

import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, BASE = int(sys.argv[1]), sys.argv[2]


class Prefix(BaseHTTPRequestHandler):
    """Hands each request on and its answer back."""

    protocol_version = "HTTP/1.1"

    def forward(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        kept = {name: self.headers[name] for name in ("Content-Type", "Accept") if name in self.headers}
        request = urllib.request.Request(BASE + self.path, body, kept, method=self.command)
        try:
            answer = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        except OSError as error:
            self.send_error(502, str(error))
            return
        said = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PUT = do_DELETE = forward

    def log_message(self, *_) -> None:
        """Says nothing."""


ThreadingHTTPServer(("0.0.0.0", PORT), Prefix).serve_forever()
