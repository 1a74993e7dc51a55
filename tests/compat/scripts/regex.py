"""Fuzzy matches, Unicode scripts and nested sets."""

import regex


def main():
    assert regex.fullmatch(r"(?:hello){e<=1}", "helo")
    assert regex.findall(r"\p{Script=Greek}+", "abc αβγ") == ["αβγ"]
    assert regex.search(r"(\((?:[^()]|(?1))*\))", "a(b(c)d)e")[0] == "(b(c)d)"
    print("as expected")
