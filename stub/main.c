#include "run.h"

int
main(int argc, char **argv)
{
    return oxidize_run(argc, argv);
}
