"""A real server: it answers over loopback until it is told to stop."""

import sys

from flask import Flask, jsonify, render_template_string, request
from werkzeug.serving import make_server

app = Flask(__name__)


@app.get("/")
def index():
    return render_template_string("<h1>hello, {{ name }}</h1>", name=request.args.get("name", "world"))


@app.get("/json")
def as_json():
    return jsonify(modules=len(sys.modules), oxidized=getattr(sys, "oxidized", False))


def main():
    if sys.argv[1:] == ["--once"]:
        print(app.test_client().get("/").text)
        return
    server = make_server("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0, app)
    print(f"listening on {server.port}", flush=True)
    server.serve_forever()
