"""A video found in a page and fetched from a local server, with more than 1,000 extractors at hand."""

import http.server
import subprocess
import sys
import threading
from pathlib import Path

import yt_dlp
from yt_dlp.extractor import gen_extractor_classes

VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"x" * 5000


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        video = self.path == "/clip.mp4"
        body = VIDEO if video else b"<title>A clip</title><video src='/clip.mp4'></video>"
        self.send_response(200)
        self.send_header("Content-Type", "video/mp4" if video else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


def main():
    assert len(list(gen_extractor_classes())) > 1000
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/page"
    with yt_dlp.YoutubeDL({"quiet": True, "outtmpl": "%(title)s.%(ext)s"}) as downloader:
        info = downloader.extract_info(url)
    found = info["entries"][0] if "entries" in info else info
    assert found["ext"] == "mp4", found
    (file,) = Path.cwd().glob("*.mp4")
    assert file.read_bytes() == VIDEO
    version = subprocess.check_output([sys.executable, "-m", "yt_dlp", "--version"], text=True).strip()
    assert version == yt_dlp.version.__version__
    print("as expected")
