"""What a program does that begins while a thread unpacks the modules that it may import."""

import os
import sys

MODE = sys.argv[1] if len(sys.argv) > 1 else "imports"


def fork():
    """Return the status of a child that imports all as well; Python warns if there is a second thread."""
    import warnings

    warnings.simplefilter("always")
    child = os.fork()
    if child == 0:
        import_all()
        os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def unshare():
    """Return what the system says of a call that processes with several threads may not make."""
    CLONE_THREAD = 0x10000
    if hasattr(os, "unshare"):
        return os.unshare(CLONE_THREAD) or 0
    import ctypes

    return ctypes.CDLL(None, use_errno=True).unshare(CLONE_THREAD)


def processors():
    return len(os.sched_getaffinity(0))


def import_all():
    import argparse, ast, asyncio, cmd, code, concurrent.futures, configparser, csv, datetime, decimal, difflib
    import email.message, email.mime.text, fractions, ftplib, html.parser, http.client, http.cookies, http.server
    import inspect, ipaddress, json, locale, logging.config, multiprocessing, optparse, pathlib, pdb, pickletools
    import plistlib, pprint, pydoc, shelve, smtplib, socketserver, statistics, subprocess, tarfile, tempfile
    import textwrap, timeit, tokenize, tomllib, trace, typing, unittest.mock, urllib.request, uuid, wave
    import xml.dom.minidom, xml.etree.ElementTree, xmlrpc.client, zipapp, zipfile

    return len(sys.modules) > 200


MODES = {"imports": import_all, "fork": fork, "unshare": unshare, "processors": processors, "nothing": bool}
RESULT = MODES[MODE]()


def main():
    print(RESULT)
