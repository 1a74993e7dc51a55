"""Inheritance, a macro, a loader of package data, a line number in an error."""

from jinja2 import DictLoader, Environment, PackageLoader, TemplateSyntaxError, select_autoescape


def main():
    environment = Environment(
        loader=DictLoader(
            {
                "base": "<{% block b %}{% endblock %}>",
                "page": "{% extends 'base' %}"
                "{% macro m(x) %}[{{ x }}]{% endmacro %}{% block b %}{{ m(v|sort|join(',')) }}{% endblock %}",
            }
        ),
        autoescape=select_autoescape(default=True),
    )
    assert environment.get_template("page").render(v=["b", "&a"]) == "<[&amp;a,b]>"
    try:
        environment.from_string("\n\n{% if %}")
    except TemplateSyntaxError as error:
        assert error.lineno == 3
    else:
        raise AssertionError
    loader = PackageLoader("jinja2", "")
    assert "compiler.py" in loader.list_templates()
    print("as expected")
