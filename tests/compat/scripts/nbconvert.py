"""A notebook executed by a kernel in a process of its own, and turned into HTML."""

import nbformat
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter, PythonExporter
from nbconvert.preprocessors import ExecutePreprocessor


def main():
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_markdown_cell("# Title\n\n$x^2$"),
        nbformat.v4.new_code_cell("print(6 * 7)"),
        nbformat.v4.new_code_cell("{'a': 1}"),
    ]
    ExecutePreprocessor(timeout=120, kernel_name="python3").preprocess(notebook, {})
    assert notebook.cells[1].outputs[0].text == "42\n"
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert "Title" in page
    assert {"42", "{'a': 1}"} <= {
        out.text.strip() for out in BeautifulSoup(page, "html.parser").find_all("pre")
    }
    assert "--jp-layout-color0" in page
    script, _ = PythonExporter().from_notebook_node(notebook)
    assert "print(6 * 7)" in script
    print("as expected")
