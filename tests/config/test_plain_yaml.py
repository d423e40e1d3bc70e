import time

import pytest

from calobatch.config.plain_yaml import plain_yaml

LAUGHS = "\n".join(
    ["a0: &a0 [1]"] + [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 12)]
)


def refused(text):
    """Return the message for ``text``; it is quick and has one line, whatever the text is."""
    start = time.process_time()
    with pytest.raises(ValueError, match=r"^(line|character|aliases) ") as raised:
        plain_yaml(text)
    assert time.process_time() - start < 5
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("title: $p_{T}$ of jets", {"title": "$p_{T}$ of jets"}),
        ("a: [1, -2.5, true, null, 'x', \"\\u00e9\"]", {"a": [1, -2.5, True, None, "x", "é"]}),
        ("a: '2024-01-02'", {"a": "2024-01-02"}),
        ("b: &b {k: 1}\nc: {<<: *b, m: 2}", {"b": {"k": 1}, "c": {"k": 1, "m": 2}}),
        ("b: &b {<<: {k: 1}, k: 2}\nc: {<<: *b, k: 3}", {"b": {"k": 2}, "c": {"k": 3}}),
    ],
)
def test_plain_values_are_read(text, value):
    assert plain_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: 2024-13-45",
            "line 1, column 4: '2024-13-45' is read as a timestamp; put it in quotes",
        ),
        ("a:\n  b: 2024-01-02", "line 2, column 6: '2024-01-02' is read as a timestamp"),
        ("a: !!timestamp x", "'x' is read as a timestamp"),
        ("a: !!int x", "line 1, column 4: 'x' is not a whole number"),
        ("a: !!int ''", "'' is not a whole number"),
        ('a: !!float "_"', "'_' is not a finite number"),
        ("a: !!bool perhaps", "'perhaps' is not true or false"),
        ("a: .nan", "'.nan' is not a finite number"),
        ("a: -.inf", "'-.inf' is not a finite number"),
        (f"a: {10**30}", "is not a whole number of at most 63 bits"),
        (f"a: {'9' * 5000}", "9...' is not a whole number"),
        ("a: !!set {x, y}", "this set of keys and values is read as a set"),
        ("a: !!omap [x: 1]", "this list is read as a omap"),
        ("a: !!binary aGk=", "'aGk=' is read as a binary"),
        ("a: !!python/object:os.system {}", "read as a python/object:os.system"),
        ("a: !!str [x]", "expected a scalar node, but found sequence"),
        ("a: !!map [x]", "expected a mapping node"),
        (r'a: "\ud800"', "is not text without null characters or halves of characters"),
        (r'a: "b\0c"', "is not text without null characters"),
        ("1: x", "line 1, column 1: the key '1' is not text; put it in quotes"),
        ("yes: x", "the key 'yes' is not text"),
        ("? [x]\n: y", "the key this list is not text"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: the key 'a' appears twice; remove one"),
        ("[" * 3000, "more than 50 levels"),
        ("[" * 3000 + "]" * 3000, "more than 50 levels"),
        ("- " * 3000, "more than 50 levels"),
        ("a: &a [*a]", "aliases make more than"),
        ("a: &a {b: *a}", "aliases make more than"),
        (LAUGHS, "aliases make more than 100000 values"),
        ("a: [1, 2", "line 1, column 9: while parsing a flow sequence expected ',' or ']'"),
        ("a: b: c", "line 1, column 5: mapping values are not allowed here"),
        ("a: \t\x01", "character 5: special characters are not allowed"),
        ("a: *b", "found undefined alias 'b'"),
        ("a: 1\n---\nb: 2", "but found another document"),
    ],
)
def test_everything_else_is_one_line_that_names_the_place(text, message):
    assert message in refused(text)
