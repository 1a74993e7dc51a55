"""Starts child processes in every way that Python knows."""

import concurrent.futures
import json
import multiprocessing
import os
import subprocess
import sys
from multiprocessing import shared_memory
from pathlib import Path


def square(number):
    return number * number


def where(_):
    return os.getpid(), sys.executable


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    return [done.returncode, done.stdout.strip(), done.stderr.strip()]


def by_method(method):
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        squares = pool.map(square, range(5))
    queue = context.SimpleQueue()
    process = context.Process(target=queue.put, args=("from the child",))
    process.start()
    message = queue.get()
    process.join()
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        more = list(executor.map(square, range(5)))
    return [squares, message, process.exitcode, more]


def read_block(name):
    block = shared_memory.SharedMemory(name)
    try:
        return bytes(block.buf[:5])
    finally:
        block.close()


def by_shared_memory():
    block = shared_memory.SharedMemory(create=True, size=16)
    try:
        block.buf[:5] = b"hello"
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(read_block, (block.name,)).decode()
    finally:
        block.close()
        block.unlink()


def with_loky():
    from loky import get_reusable_executor

    executor = get_reusable_executor(max_workers=2)
    squares = list(executor.map(square, range(5)))
    executor.shutdown(wait=True)
    return squares


def executable():
    script = Path(os.environ["SCRATCH"]) / "script.py"
    script.write_text("import sys, helper; print(sys.argv[1:], helper.VALUE, __name__)")
    (script.parent / "helper.py").write_text("VALUE = 42")
    show = "import sys; print(sys.argv, sys.flags.optimize, sys.oxidized)"
    return {
        "-c": run(sys.executable, "-c", show, "a"),
        "-O": run(sys.executable, "-O", "-c", show),
        "-E -s -I -u": run(
            sys.executable, "-E", "-s", "-I", "-u", "-c", "import sys; print(sys.flags.isolated)"
        ),
        "-X -W": run(
            sys.executable,
            "-X",
            "utf8",
            "-W",
            "error",
            "-c",
            "import sys; print(sys._xoptions, sys.warnoptions)",
        ),
        "-m": run(sys.executable, "-m", "children.worker", "x"),
        "pip": run(sys.executable, "-m", "pip", "--version")[1].split(" from ")[0],
        "pip list": "children" in run(sys.executable, "-m", "pip", "list")[1],
        "script": run(sys.executable, str(script), "b"),
        "-": run(sys.executable, "-", "c", input="import sys; print(sys.argv)"),
        "stdin": run(sys.executable, input="print('typed')"),
        "--version": run(sys.executable, "--version")[1] == "Python " + sys.version.split()[0],
        "status": run(sys.executable, "-c", "raise SystemExit(3)"),
        "shell": run(f"{sys.executable} -c 'print(6*7)' && echo done", shell=True),
        "env": run("env", "A=1", sys.executable, "-c", "import os; print(os.environ['A'])"),
        "system": os.system(f"{sys.executable} -c 'raise SystemExit(4)'") >> 8,
        "popen": os.popen(f"{sys.executable} -c 'print(8)'").read(),
        "posix_spawn": os.waitpid(
            os.posix_spawn(sys.executable, [sys.executable, "-c", "raise SystemExit(9)"], os.environ), 0
        )[1]
        >> 8,
        "no close_fds": run(sys.executable, "-c", "print(1)", close_fds=False),
        "new session": run(sys.executable, "-c", "print(2)", start_new_session=True, cwd="/"),
        "grandchild": run(
            sys.executable,
            "-c",
            "import subprocess, sys; print(subprocess.check_output([sys.executable, '-c', 'print(5)']))",
        ),
        "again": run(sys.executable, sys.argv[0], "hello"),
        "by name": run("children", "hello", env={"PATH": f"{Path(sys.prefix).parent}//."}),
        "other names": run("echo", f"{sys.executable}-config", f"{sys.executable}.13")[1].replace(
            sys.executable, "PYTHON"
        ),
        "missing": run("sh", "-c", f"{sys.prefix}/bin/nothing; echo $?")[1],
    }


def programs():
    folder = Path(__file__).parent
    return {"sh": run(str(folder / "tool.sh"), "x"), "py": run(str(folder / "tool-py"), "y")}


def from_a_packed_directory():
    """Start programs while the current directory is in the tree, several at a time."""
    scratch = os.environ["SCRATCH"]
    script = Path(scratch, "x.sh")
    script.write_text("#!/bin/sh\npwd\n")
    script.chmod(0o755)
    os.chdir(Path(__file__).parent)
    with concurrent.futures.ThreadPoolExecutor(4) as executor:
        runs = list(executor.map(lambda _: run("./x.sh", cwd=scratch), range(200)))
    process = os.posix_spawnp("sh", ["sh", "-c", "exit 7"], os.environ)
    return [all(done == [0, scratch, ""] for done in runs), os.waitpid(process, 0)[1] >> 8]


def subinterpreter():
    """What the names of this interpreter are in another one."""
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    code = """
import os, sys, children
names = [exit.__class__.__name__, sys.oxidized, getattr(sys, "frozen", None), hasattr(sys, "_MEIPASS")]
os.write(WRITER, repr(names).encode())
"""
    reader, writer = os.pipe()
    interpreters.run_string(interpreters.create(), code.replace("WRITER", str(writer)))
    os.close(writer)
    return os.read(reader, 1000).decode()


def environment():
    names = sorted(set(os.environ) - {"_", "SHLVL", "PWD", "OLDPWD"})
    return [names, run(sys.executable, "-c", "import os; print(len(os.environ))")]


def masquerade():
    return [sys.frozen, sys._MEIPASS == sys.prefix, os.path.samefile(sys.executable, sys.argv[0])]


def main():
    what = sys.argv[1]
    if what == "hello":
        print("hello")
    elif what == "fork bomb":
        # Without a guard against it: the child imports the main module again
        children = [multiprocessing.get_context("spawn").Process(target=square, args=(1,)) for _ in range(2)]
        for child in children:
            child.start()
        print([child.join() or child.exitcode for child in children])
    elif what in {"spawn", "fork", "forkserver"}:
        print(json.dumps(by_method(what)))
    else:
        print(json.dumps(globals()[what]()))
