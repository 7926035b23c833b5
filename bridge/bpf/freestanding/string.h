/* SPDX-License-Identifier: GPL-2.0-or-later */
/* string.h - for programs that run in the kernel: as much of it as the headers that they share with
 * the engine want, by the compiler alone. */
#ifndef SYNWARD_BRIDGE_BPF_FREESTANDING_STRING_H
#define SYNWARD_BRIDGE_BPF_FREESTANDING_STRING_H

#define memcpy  __builtin_memcpy
#define memset  __builtin_memset
#define memcmp  __builtin_memcmp
#define memmove __builtin_memmove

#endif
