#include "snapshot_state.h"

_Alignas(64) unsigned char saved_data_last[64] = {1};
_Alignas(64) unsigned char saved_bss_last[64];
