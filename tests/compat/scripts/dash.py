"""A page with a figure, its scripts served from packages' data"""

import json

import plotly.graph_objects as go
from dash import Dash, Input, Output, dcc, html

app = Dash("check")
app.layout = html.Div([dcc.Graph(figure=go.Figure(go.Bar(y=[1, 2]))), dcc.Input(id="in"), html.P(id="out")])


@app.callback(Output("out", "children"), Input("in", "value"))
def double(text):
    return text * 2


def main():
    client = app.server.test_client()
    page = client.get("/").text
    assert "dash_renderer" in page or "dash-renderer" in page
    assert client.get("/_dash-layout").json["props"]["children"][0]["type"] == "Graph"
    script = next(part.split('"')[0] for part in page.split('src="') if "dash_renderer" in part.split('"')[0])
    assert len(client.get(script).data) > 10000
    body = {
        "output": "out.children",
        "outputs": {"id": "out", "property": "children"},
        "inputs": [{"id": "in", "property": "value", "value": "ab"}],
        "changedPropIds": ["in.value"],
    }
    answer = client.post("/_dash-update-component", data=json.dumps(body), content_type="application/json")
    assert answer.json["response"]["out"]["children"] == "abab"
    print("as expected")
