"""A project made of a template, with a hook that Python runs."""

from pathlib import Path

from cookiecutter.main import cookiecutter


def main():
    template = Path("template")
    inner = template / "{{ cookiecutter.name|slugify }}"
    (template / "hooks").mkdir(parents=True)
    inner.mkdir()
    (template / "cookiecutter.json").write_text('{"name": "My App", "year": "{% now \'utc\', \'%Y\' %}"}')
    (inner / "a.txt").write_text("{{ cookiecutter.name.upper() }} {{ cookiecutter.year|length }}")
    (template / "hooks" / "post_gen_project.py").write_text(
        "open('hooked', 'w').write('{{ cookiecutter.name }}')"
    )
    made = Path(cookiecutter(str(template), no_input=True, extra_context={"name": "Your App"}))
    assert made.name == "your-app" and (made / "a.txt").read_text() == "YOUR APP 4"
    assert (made / "hooked").read_text() == "Your App"
    print("as expected")
