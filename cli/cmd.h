/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd.h - the handlers of all commands, one file cmd_*.c for each noun. */
#ifndef SYNWARD_CLI_CMD_H
#define SYNWARD_CLI_CMD_H

#include "cli/command.h"

command_handler cmd_run, cmd_check, cmd_reload, cmd_status, cmd_learn, cmd_mode, cmd_flows,
    cmd_stats, cmd_sync, cmd_detach, cmd_doctor, cmd_rehearse, cmd_metrics, cmd_watch, cmd_top,
    cmd_web;
command_handler cmd_profiles, cmd_profiles_export, cmd_profiles_import, cmd_profiles_forget,
    cmd_profiles_set;
command_handler cmd_sources, cmd_sources_add, cmd_sources_allow, cmd_sources_proxy,
    cmd_sources_remove, cmd_sources_import;
command_handler cmd_schema, cmd_version, cmd_completion, cmd_support;
command_explainer cmd_help, cmd_complete, cmd_manual;

#endif
