/* What is read in the place of something that is missing. */
#define _GNU_SOURCE
#include "check.h"
#include "tests.h"

void
test_fallbacks(void)
{
    struct stat status;
    const char *const packed = "/nonexistent/packed/hello.txt", *const host = "/nonexistent/host";
    CHECK(reads(open(packed, O_RDONLY), HELLO_TEXT));
    CHECK(stream_reads(fopen(packed, "r"), HELLO_TEXT));
    CHECK(stream_reads(freopen(packed, "r", fopen("/dev/null", "r")), HELLO_TEXT));
    IS_HELLO(stat(packed, &status));
    CHECK(access(host, R_OK) == 0 && closed(open(host, O_RDONLY)) == 0);
    FAILS(ENOENT, open(host, O_WRONLY));
    FAILS(ENOENT, open(host, O_RDONLY | O_CREAT, 0600));
    REFUSES(ENOENT, fopen(host, "r+"));
    FAILS(ENOENT, unlink(host));
    FAILS(ENOENT, chmod(host, 0600));
    FAILS(ENOENT, unlink(packed));
    FAILS(ENOENT, mkdir("/nonexistent/packed/new", 0700));
    FAILS(ENOENT, stat("/nonexistent/packed/none", &status));
    FAILS(ENOENT, stat("/nonexistent/pack", &status));
}
