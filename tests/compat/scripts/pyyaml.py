"""Documents read and written by libyaml."""

import yaml


def main():
    assert yaml.__with_libyaml__
    text = "a: [1, 2.5, yes]\nb: &x {c: 2024-01-02}\nd: *x\n"
    value = yaml.load(text, Loader=yaml.CSafeLoader)
    assert value == yaml.safe_load(text)
    assert value["a"] == [1, 2.5, True] and value["d"]["c"].year == 2024
    assert yaml.dump({"k": ["ä", None]}, Dumper=yaml.CSafeDumper, allow_unicode=True) == "k:\n- ä\n- null\n"
    try:
        yaml.load("!!python/object/apply:os.getcwd []", Loader=yaml.CSafeLoader)
    except yaml.constructor.ConstructorError:
        print("as expected")
