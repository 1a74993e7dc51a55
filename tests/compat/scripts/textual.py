"""An application without a terminal: a key and a button."""

import asyncio

from textual.app import App
from textual.widgets import Button, Label


class Counter(App):
    CSS = "Button { width: 20; }"
    BINDINGS = [("a", "add", "Add one")]
    count = 0

    def compose(self):
        yield Label("0", id="shown")
        yield Button("more", id="more")

    def action_add(self):
        self.count += 1
        self.query_one("#shown", Label).update(str(self.count))

    def on_button_pressed(self):
        self.action_add()


async def run():
    app = Counter()
    async with app.run_test() as pilot:
        await pilot.press("a")
        await pilot.click("#more")
        await pilot.pause()
        assert app.count == 2
        assert app.query_one("#more").size.width == 16 or app.query_one("#more").outer_size.width == 20
        assert "more" in app.export_screenshot()


def main():
    asyncio.run(run())
    print("as expected")
