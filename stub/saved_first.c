/* Variables from here to those of saved_last.c, in the order of linking, are saved in a snapshot:
   those of libpython and of the libraries linked with it. link.py sees to the order. The stub's own
   stand before, and libc's behind. */
#include "snapshot_state.h"

_Alignas(64) unsigned char saved_data_first[64] = {1};
_Alignas(64) unsigned char saved_bss_first[64];
