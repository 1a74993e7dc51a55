"""A grammar of another package parses Python"""

import tree_sitter_python
from tree_sitter import Language, Parser


def main():
    tree = Parser(Language(tree_sitter_python.language())).parse(b"def f(x): return x")
    function = tree.root_node.children[0]
    assert function.type == "function_definition" and function.child_by_field_name("name").text == b"f"
    assert "@function" in tree_sitter_python.HIGHLIGHTS_QUERY
    print("as expected")
