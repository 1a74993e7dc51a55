"""How each third-party library is built: one function for each.

What they have in common: static code alone, that fits executables with and without a fixed address and
shared libraries as well; sections that a linker can drop one by one; no path of the building machine in
the result. What a library looks for when it runs is where Linux distributions have it.
"""

from __future__ import annotations

import platform
import shlex
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from oxidize_build.errors import RuntimeBuildError
from oxidize_build.runtime.build.steps import Tools
from oxidize_build.runtime.build.toolchain import Toolchain

PREFIX = "/usr"
"""What configure scripts are told: a neutral name, for some of them compile it in."""
TERMINFO_DIRECTORIES = "/etc/terminfo:/lib/terminfo:/usr/share/terminfo:/usr/lib/terminfo"
OPENSSL_DIRECTORY = "/etc/ssl"
"""Where most distributions have openssl.cnf, cert.pem and certs; the others have a link to theirs there."""

_OPTIMISED = ("-O2", "-fPIC", "-ffunction-sections", "-fdata-sections")
_OPENSSL_COMMAND = "$(CC) $(LIB_CFLAGS) $(CPPFLAGS_Q)"
"""What OpenSSL says that it was compiled by, paths of this machine included."""
_SQLITE_OPTIONS = (
    "-DSQLITE_ENABLE_COLUMN_METADATA",
    "-DSQLITE_ENABLE_DBSTAT_VTAB",
    "-DSQLITE_ENABLE_FTS3",
    "-DSQLITE_ENABLE_FTS3_PARENTHESIS",
    "-DSQLITE_ENABLE_FTS4",
    "-DSQLITE_ENABLE_FTS5",
    "-DSQLITE_ENABLE_GEOPOLY",
    "-DSQLITE_ENABLE_MATH_FUNCTIONS",
    "-DSQLITE_ENABLE_RTREE",
    "-DSQLITE_THREADSAFE=1",
    "-DSQLITE_USE_URI",
    *("-DHAVE_FDATASYNC", "-DHAVE_USLEEP", "-DHAVE_LOCALTIME_R", "-DHAVE_GMTIME_R", "-DHAVE_STRERROR_R"),
)
_UUID_SOURCES = (
    *("clear", "compare", "copy", "gen_uuid", "isnull", "pack", "parse"),
    *("predefined", "unpack", "unparse", "uuid_time"),
)
_UUID_OPTIONS = (
    "-D_GNU_SOURCE",
    '-DPACKAGE_VERSION="libuuid"',
    *(f"-DHAVE_{name}" for name in ("ERR_H", "LOFF_T", "NANOSLEEP", "NET_IF_H", "NETINET_IN_H", "STDLIB_H")),
    *(f"-DHAVE_{name}" for name in ("SYS_FILE_H", "SYS_IOCTL_H", "SYS_SOCKET_H", "SYS_SYSCALL_H")),
    *(f"-DHAVE_{name}" for name in ("SYS_TIME_H", "SYS_UN_H", "TLS", "UNISTD_H", "USLEEP", "JRAND48")),
)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and with what one library is built."""

    tools: Tools
    toolchain: Toolchain
    source: Path
    """Its source tree, which is built in."""
    installed: Path
    """Where its ``include`` and ``lib`` go."""
    prefix: Path
    """Where the libraries are that it needs."""
    jobs: int

    @property
    def cflags(self) -> tuple[str, ...]:
        """What it is compiled with."""
        neutral = (f"-ffile-prefix-map={self.source}=.", f"-ffile-prefix-map={self.prefix}={PREFIX}")
        return (*self.toolchain.cflags, *_OPTIMISED, *neutral)

    def run(self, *command: str | Path, cwd: str = ".", **environment: str) -> None:
        """Run *command* in *cwd* of the source tree. Raises RuntimeBuildError when it fails."""
        defaults = {"CFLAGS": shlex.join(self.cflags), "PWD": str(self.source / cwd)}
        self.tools.run(command, cwd=self.source / cwd, environment={**defaults, **environment})

    def make(self, *arguments: str, cwd: str = ".") -> None:
        """Run make with *arguments*. Raises RuntimeBuildError when it fails."""
        self.run("make", f"-j{self.jobs}", *arguments, cwd=cwd)

    def configure(self, *options: str, cwd: str = ".", **environment: str) -> None:
        """Run the source tree's configure script. Raises RuntimeBuildError when it fails."""
        self.run("./configure", f"--prefix={PREFIX}", *options, cwd=cwd, **environment)

    def compile(self, archive: str, sources: Iterable[Path], *options: str) -> None:
        """Compile *sources* and install the static library *archive* of them.

        Raises RuntimeBuildError when a compiler fails.
        """
        found = sorted(source.relative_to(self.source) for source in sources)
        objects = [source.with_suffix(".o") for source in found]

        def compile_one(source: Path, result: Path) -> None:
            self.run(*self.toolchain.cc, *self.cflags, *options, "-c", source, "-o", result)

        with ThreadPoolExecutor(self.jobs) as pool:
            list(pool.map(compile_one, found, objects))
        result = self.installed / "lib" / archive
        result.parent.mkdir(parents=True, exist_ok=True)
        self.run(self.toolchain.ar, "rcs", result, *objects)

    def install(self, headers: Sequence[str], archives: Sequence[str] = (), *, below: str = "") -> None:
        """Install files of the source tree: *headers* below ``include/BELOW``, *archives* below ``lib``."""
        for names, folder in ((headers, Path("include", below)), (archives, Path("lib"))):
            (self.installed / folder).mkdir(parents=True, exist_ok=True)
            for name in names:
                shutil.copyfile(self.source / name, self.installed / folder / Path(name).name)


def zlib(bench: Bench) -> None:
    """Build libz."""
    bench.configure("--static")
    bench.make("libz.a")
    bench.install(["zlib.h", "zconf.h"], ["libz.a"])


def bzip2(bench: Bench) -> None:
    """Build libbz2, without its makefile, which knows no flags but its own."""
    names = ("blocksort", "bzlib", "compress", "crctable", "decompress", "huffman", "randtable")
    bench.compile("libbz2.a", (bench.source / f"{name}.c" for name in names), "-D_FILE_OFFSET_BITS=64")
    bench.install(["bzlib.h"])


def xz(bench: Bench) -> None:
    """Build liblzma; the programs of the same source are in part under the GPL."""
    programs = ("xz", "xzdec", "lzmadec", "lzmainfo", "lzma-links", "scripts")
    bench.configure(
        *("--disable-shared", "--enable-static", "--disable-nls", "--disable-doc", "--enable-threads=posix"),
        *(f"--disable-{program}" for program in programs),
    )
    bench.make(cwd="src/liblzma")
    headers = "src/liblzma/api/lzma"
    bench.install(["src/liblzma/api/lzma.h"], ["src/liblzma/.libs/liblzma.a"])
    bench.install(_names(bench, headers, "*.h"), below="lzma")


def zstd(bench: Bench) -> None:
    """Build libzstd with threads and without the formats that came before version 1."""
    folders = ("common", "compress", "decompress", "dictBuilder")
    sources = [source for folder in folders for source in (bench.source / "lib" / folder).glob("*.[cS]")]
    options = ("-DZSTD_MULTITHREAD", "-DXXH_NAMESPACE=ZSTD_", "-DZSTD_LEGACY_SUPPORT=0")
    bench.compile("libzstd.a", sources, *options)
    bench.install(["lib/zstd.h", "lib/zdict.h", "lib/zstd_errors.h"])


def libffi(bench: Bench) -> None:
    """Build libffi, whose closures are to need neither /proc nor the executable's own file."""
    parts = ("shared", "docs", "multi-os-directory", "exec-static-tramp")
    bench.configure("--enable-static", *(f"--disable-{part}" for part in parts))
    bench.make("all-am")
    target = next(path for path in bench.source.glob("*/.libs/libffi.a")).parent.parent.name
    include = f"{target}/include"
    bench.install([f"{include}/ffi.h", f"{include}/ffitarget.h"], [f"{target}/.libs/libffi.a"])


def libuuid(bench: Bench) -> None:
    """Build libuuid alone, out of util-linux, most of which is under the GPL."""
    sources = [bench.source / "libuuid" / "src" / f"{name}.c" for name in _UUID_SOURCES]
    sources += [bench.source / "lib" / f"{name}.c" for name in ("md5", "randutils", "sha1")]
    bench.compile("libuuid.a", sources, *_UUID_OPTIONS, "-Iinclude", "-Ilibuuid/src")
    bench.install(["libuuid/src/uuid.h"], below="uuid")


def mpdecimal(bench: Bench) -> None:
    """Build libmpdec."""
    bench.configure("--disable-cxx", "--disable-shared", "--disable-doc")
    bench.make("libmpdec.a", cwd="libmpdec")
    bench.install(["libmpdec/mpdecimal.h"], ["libmpdec/libmpdec.a"])


def ncurses(bench: Bench) -> None:
    """Build libncursesw and libpanelw, which find the terminals of every usual distribution."""
    unwanted = ("ada", "cxx", "cxx-binding", "debug", "gpm", "manpages", "progs", "shared", "tests")
    bench.configure(
        *(f"--without-{part}" for part in unwanted),
        *(
            "--with-normal",
            "--enable-widec",
            "--disable-overwrite",
            "--disable-db-install",
            "--disable-rpath",
        ),
        *("--with-default-terminfo-dir=/usr/share/terminfo", "--without-pkg-config", "--disable-stripping"),
        f"--with-terminfo-dirs={TERMINFO_DIRECTORIES}",
    )
    bench.make("libs")
    bench.run("make", "install.includes", f"DESTDIR={bench.source / 'destination'}")
    headers = "destination" + PREFIX + "/include/ncursesw"
    bench.install(_names(bench, headers, "*.h"), ["lib/libncursesw.a", "lib/libpanelw.a"], below="ncursesw")


def libedit(bench: Bench) -> None:
    """Build libedit."""
    include = bench.prefix / "include"
    # it knows ncurses by no other name
    (bench.source / "libncurses.a").symlink_to((bench.prefix / "lib/libncursesw.a").absolute())
    # musl does not say what holds of it: that its wide characters are Unicode's
    unicode = ["-D__STDC_ISO_10646__=201103L"] if bench.toolchain.libc == "musl" else []
    bench.configure(
        "--disable-shared",
        "--enable-static",
        "--disable-examples",
        CFLAGS=shlex.join([*bench.cflags, *unicode, f"-I{include}", f"-I{include / 'ncursesw'}"]),
        LDFLAGS=shlex.join([*bench.toolchain.ldflags, f"-L{bench.source}"]),
    )
    bench.make(cwd="src")
    bench.install(["src/histedit.h"], ["src/.libs/libedit.a"])
    bench.install(["src/editline/readline.h"], below="editline")


def sqlite(bench: Bench) -> None:
    """Build libsqlite3 of the single source file, which is made first where there are its parts alone."""
    if not (bench.source / "sqlite3.c").exists():
        here = bench.toolchain.cc[0]  # without the arguments that choose another libc
        bench.run("./configure", "--disable-tcl", "--disable-readline", CC_FOR_BUILD=here)
        bench.make("sqlite3.c", "sqlite3.h")
    bench.compile("libsqlite3.a", [bench.source / "sqlite3.c"], *_SQLITE_OPTIONS)
    headers = {path.name: path for path in bench.source.rglob("sqlite3ext.h")}
    bench.install(["sqlite3.h", *(str(path.relative_to(bench.source)) for path in headers.values())])


def openssl(bench: Bench) -> None:
    """Build libssl and libcrypto, all providers built in, without programs.

    Raises RuntimeBuildError when its sources are not as they are known.
    """
    told = bench.source / "crypto" / "build.info"
    text = told.read_text(encoding="utf-8")
    if _OPENSSL_COMMAND not in text:
        raise RuntimeBuildError(f"OpenSSL's crypto/build.info has no longer {_OPENSSL_COMMAND}")
    told.write_text(text.replace(_OPENSSL_COMMAND, "cc"), encoding="utf-8")
    bench.run(
        *("perl", "./Configure", f"linux-{platform.machine()}", f"--prefix={PREFIX}", "--libdir=lib"),
        f"--openssldir={OPENSSL_DIRECTORY}",
        *("no-apps", "no-async", "no-docs", "no-engine", "no-module", "no-shared", "no-tests", "threads"),
        *(("no-dso",) if bench.toolchain.is_static else ()),
        LDFLAGS="",  # nothing is linked, and with -static it would leave out threads
    )
    bench.make("build_libs")
    bench.install(_names(bench, "include/openssl", "*.h"), ["libssl.a", "libcrypto.a"], below="openssl")


def _names(bench: Bench, folder: str, pattern: str) -> list[str]:
    """Return the files of *folder* in the source tree that match *pattern*, relative to the tree."""
    return sorted(str(path.relative_to(bench.source)) for path in (bench.source / folder).glob(pattern))
