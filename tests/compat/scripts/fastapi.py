"""Paths with types, a background task, the schema, a form, a web socket."""

from typing import Annotated

from fastapi import BackgroundTasks, FastAPI, Form, WebSocket
from fastapi.testclient import TestClient
from pydantic import BaseModel

app = FastAPI(title="shop")
done = []


class Item(BaseModel):
    name: str
    price: float


@app.post("/items/{number}")
def store(number: int, item: Item, tasks: BackgroundTasks):
    tasks.add_task(done.append, item.name)
    return {"number": number, "total": number * item.price}


@app.post("/form")
async def form(name: Annotated[str, Form()]):
    return name.upper()


@app.websocket("/ws")
async def socket(socket: WebSocket):
    await socket.accept()
    await socket.send_json({"got": await socket.receive_text()})


def main():
    client = TestClient(app)
    assert client.post("/items/3", json={"name": "pear", "price": 1.5}).json() == {"number": 3, "total": 4.5}
    assert done == ["pear"]
    assert client.post("/items/x", json={}).status_code == 422
    assert client.post("/form", data={"name": "ann"}).json() == "ANN"
    with client.websocket_connect("/ws") as opened:
        opened.send_text("hi")
        assert opened.receive_json() == {"got": "hi"}
    assert "/items/{number}" in client.get("/openapi.json").json()["paths"]
    assert "swagger-ui" in client.get("/docs").text
    print("as expected")
