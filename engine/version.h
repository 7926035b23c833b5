/* SPDX-License-Identifier: GPL-2.0-or-later */
/* version.h - the one place where the version and the JSON schema number stand. */
#ifndef SYNWARD_ENGINE_VERSION_H
#define SYNWARD_ENGINE_VERSION_H

#define SYNWARD_VERSION "0.2.0"
#define SYNWARD_SCHEMA  1

#endif
