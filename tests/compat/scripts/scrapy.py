"""A project from its templates, and a spider on a local site"""

import http.server
import json
import subprocess
import sys
import threading
from pathlib import Path

SPIDER = """
import scrapy

class Quotes(scrapy.Spider):
    name = "quotes"

    def parse(self, response):
        for text in response.css("li::text").getall():
            yield {"text": text}
        for link in response.css("a::attr(href)"):
            yield response.follow(link, self.parse)
"""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"<ul><li>two</ul>" if self.path == "/next" else b"<ul><li>one</ul><a href='/next'>next</a>"
        self.send_response(404 if "robots" in self.path else 200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def scrapy(*arguments, cwd=None):
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", *arguments], cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    scrapy("startproject", "site1")
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    Path("site1/site1/spiders/quotes.py").write_text(SPIDER + f"    start_urls = ['{url}']\n")
    scrapy("crawl", "quotes", "-O", "out.json", cwd="site1")
    found = json.loads(Path("site1/out.json").read_text())
    assert sorted(item["text"] for item in found) == ["one", "two"], found
    print("as expected")
