"""A playbook on the local machine: modules, a template, a handler, facts."""

import os
import sys
from pathlib import Path

from ansible.cli.playbook import PlaybookCLI

PLAYBOOK = """
- hosts: localhost
  connection: local
  gather_facts: true
  tasks:
    - ansible.builtin.ping:
    - ansible.builtin.template: {src: t.j2, dest: "{{ out }}/result.txt", mode: "0640"}
      notify: tell
    - ansible.builtin.command: echo from a command
      register: said
    - ansible.builtin.shell: "echo $((6 * 7)) > {{ out }}/shell.txt"
    - ansible.builtin.lineinfile: {path: "{{ out }}/result.txt", line: "{{ said.stdout }}"}
    - ansible.builtin.assert: {that: ["said.rc == 0", "ansible_facts['system'] == 'Linux'"]}
  handlers:
    - name: tell
      ansible.builtin.copy: {content: handled, dest: "{{ out }}/handled.txt"}
"""


def main():
    here = Path.cwd()
    os.environ["LC_ALL"] = "C.UTF-8"
    (here / "play.yml").write_text(PLAYBOOK)
    (here / "t.j2").write_text("{{ [3, 1, 2] | sort | join('-') }} {{ lookup('env', 'HOME') }}\n")
    command = ["ansible-playbook", "-i", "localhost,", "-e", f"out={here}", str(here / "play.yml")]
    status = PlaybookCLI(command).run()
    assert status == 0, status
    assert (here / "result.txt").read_text() == f"1-2-3 {os.environ['HOME']}\nfrom a command\n"
    assert (here / "result.txt").stat().st_mode & 0o777 == 0o640
    assert (here / "handled.txt").read_text() == "handled"
    assert (here / "shell.txt").read_text() == "42\n"
    print("as expected")
