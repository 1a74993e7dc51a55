"""Templates and static files next to the module, a session, a blueprint, the command line."""

import subprocess
import sys
from pathlib import Path

import flask

app = flask.Flask("site_of_mine", root_path=str(Path.cwd()))
app.secret_key = "x"
part = flask.Blueprint("part", __name__, url_prefix="/part")


@part.get("/<int:n>")
def number(n):
    flask.session["n"] = n
    return flask.render_template("page.html", n=n)


@app.get("/again")
def again():
    return flask.jsonify(flask.session["n"])


app.register_blueprint(part)


def main():
    for folder in ("templates", "static"):
        Path(folder).mkdir()
    Path("templates/page.html").write_text("{% if n > 1 %}<b>{{ n }}</b>{{ '<' }}{% endif %}")
    Path("static/a.css").write_text("b {}")
    client = app.test_client()
    assert client.get("/part/7").text == "<b>7</b>&lt;"
    assert client.get("/again").json == 7
    assert client.get("/static/a.css").data == b"b {}"
    assert client.get("/nowhere").status_code == 404
    routes = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "check_flask:app", "routes"], capture_output=True, text=True
    )
    assert "part.number" in routes.stdout, routes
    print("as expected")
