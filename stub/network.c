/* Where there is no /etc/hosts, nobody knows "localhost". */
#define _GNU_SOURCE
#include <fcntl.h>   /* AT_FDCWD */
#include <netdb.h>   /* getaddrinfo */
#include <strings.h> /* strcasecmp */

#include "interpose.h"

#define HOSTS "/etc/hosts"

static bool
is_unknown_localhost(const char *node, const struct addrinfo *hints)
{
    struct stat status;
    return node != NULL && strcasecmp(node, "localhost") == 0 &&
           !(hints != NULL && hints->ai_flags & AI_NUMERICHOST) &&
           tree_system_stat(AT_FDCWD, HOSTS, &status, 0) != 0;
}

/* Without a node, and if it is not to listen for others, the loopback addresses are meant. */
static int
get_loopback(__typeof__(getaddrinfo) *next, const char *service, const struct addrinfo *hints,
             struct addrinfo **result)
{
    struct addrinfo loopback = {0};
    if (hints != NULL) {
        loopback = *hints;
        loopback.ai_flags &= ~(AI_PASSIVE | AI_CANONNAME);
    }
    return next(NULL, service ? service : "0", &loopback, result);
}

EXPORT int
INTERPOSED(getaddrinfo)(const char *restrict node, const char *restrict service,
                        const struct addrinfo *restrict hints, struct addrinfo **restrict result)
{
    typedef __typeof__(getaddrinfo) function;
    NEXT(function, getaddrinfo)
    return is_unknown_localhost(node, hints) ? get_loopback(next, service, hints, result)
                                             : next(node, service, hints, result);
}
