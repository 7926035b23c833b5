/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * protocol.h - what daemon and command line say to each other over the control socket.
 *
 * A UNIX stream socket. The client sends one JSON object and a newline; the daemon answers with one
 * JSON object and a newline, and closes. Nothing else is kept: a connection is one question.
 *
 *      {"command": "mode", "setting": "attack", "server": "10.77.0.2:110"}
 *      {"synward": {"version": "0.1.0", "schema": 1}, ...the document that --json prints...}
 *      {"synward": {...}, "error": {"code": 3, "text": "no server 10.77.0.9:80; `synward status`
 *      lists those known"}}
 *
 * The exceptions are "watch" and "sample": their connection stays, and there come more lines
 * (doc/control-protocol.md).
 *
 * `code` is the exit code of the command line. An import carries the file's contents, so that the
 * daemon need not be able to read it.
 */
#ifndef SYNWARD_BRIDGE_CONTROL_PROTOCOL_H
#define SYNWARD_BRIDGE_CONTROL_PROTOCOL_H

#define CONTROL_SOCKET_DEFAULT "/run/synward/control.sock"
#define CONTROL_REQUEST_MAX    (64u * 1024 * 1024)
/* Of whoever may only look: what such a request holds is short. */
#define CONTROL_VIEW_REQUEST_MAX (64u * 1024)
#define CONTROL_TIMEOUT_MS       10000

#endif
