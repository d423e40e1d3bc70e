"""Pictures of a terminal: programs take it for one, and its last rows are drawn."""

import os

from tests.browser.terminal import COLUMNS, ROWS, Terminal, drawn

SHOWS = """
import os, sys
print(sys.stdout.isatty(), os.get_terminal_size().columns)
for number in range(100, 200):
    print(f"\\x1b[32mrow {number}\\x1b[0m")
"""


def test_a_program_in_the_terminal_knows_its_width_and_the_last_rows_are_drawn(tmp_path, open_page):
    (tmp_path / "shows.py").write_text(SHOWS)
    text = Terminal(["shows"], tmp_path, os.environ).end()
    assert text.startswith(f"True {COLUMNS}\n")
    watched = open_page()
    watched.page.set_content(drawn("python -m shows", text))
    rows = [f"row {number}" for number in range(100, 200)]
    shown = watched.page.locator("body").text_content().replace("\N{NO-BREAK SPACE}", " ")
    assert [row for row in rows if row in shown] == rows[-ROWS:]
    assert "python -m shows" in shown
