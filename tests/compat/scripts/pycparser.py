"""C parsed, looked through and written again."""

from pycparser import c_ast, c_generator, c_parser


class Calls(c_ast.NodeVisitor):
    def __init__(self):
        self.names = []

    def visit_FuncCall(self, node):
        self.names.append(node.name.name)
        self.generic_visit(node)


def main():
    tree = c_parser.CParser().parse("int f(int a) { return g(h(a)) + 1; }")
    calls = Calls()
    calls.visit(tree)
    assert calls.names == ["g", "h"]
    assert "return g(h(a)) + 1;" in c_generator.CGenerator().visit(tree)
    print("as expected")
