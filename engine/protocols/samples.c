/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * samples.c - see samples.h. The bytes are those of real clients, cut where what follows says
 * nothing about the protocol.
 */
#include "engine/protocols/samples.h"

#define BYTES(text) (text), sizeof(text) - 1

#define ZEROS_8  "\0\0\0\0\0\0\0\0"
#define ZEROS_23 ZEROS_8 ZEROS_8 "\0\0\0\0\0\0\0"
#define ZEROS_24 ZEROS_8 ZEROS_8 ZEROS_8
#define HASH     "01234567890123456789"
#define NAME_32  "EEEFEGEHEIEJEKELEMENEOEPFAFBCACA"

const struct sample samples[] = {
    {PROTOCOL_HTTP, "http get", BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 12, 0},
    {PROTOCOL_HTTP, "http proxy", BYTES("CONNECT example.org:443 HTTP/1.0\r\n\r\n"), 30, 0},
    {PROTOCOL_HTTP, "http soap", BYTES("POST /upnp/control HTTP/1.0\r\n\r\n"), 25, 0},
    {PROTOCOL_TLS, "tls 1.2", BYTES("\x16\3\3\0\xc1\1\0\0\xbd\3\3\x82\x2b\xf3\x2e\x41\x0e"), 6,
     198},
    {PROTOCOL_TLS, "tls 1.3, post-quantum",
     BYTES("\x16\3\1\x06\xf0\1\0\x06\xec\3\3\x11\x22\x33\x44\x55"), 6, 1781},
    {PROTOCOL_HTTP2, "http2 preface", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"),
     24, 0},
    {PROTOCOL_SSH, "ssh 2", BYTES("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"), 4, 0},
    {PROTOCOL_SSH, "ssh 1", BYTES("SSH-1.5-Cisco-1.25\n"), 4, 0},
    {PROTOCOL_POP3, "pop3 capa", BYTES("CAPA\r\n"), 5, 0},
    {PROTOCOL_POP3, "pop3 user", BYTES("USER me\r\n"), 5, 0},
    {PROTOCOL_POP3, "pop3 stls", BYTES("stls\r\n"), 5, 0},
    {PROTOCOL_POP3, "pop3 apop", BYTES("APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n"), 5, 0},
    {PROTOCOL_POP3, "pop3 quit", BYTES("QUIT\r\n"), 5, 0},
    {PROTOCOL_IMAP, "imap capability", BYTES("a001 CAPABILITY\r\n"), 16, 0},
    {PROTOCOL_IMAP, "imap dot", BYTES(". login mrc secret\r\n"), 8, 0},
    {PROTOCOL_IMAP, "imap id", BYTES("C00000 ID (\"name\" \"x\")\r\n"), 10, 0},
    {PROTOCOL_FTP, "ftp user", BYTES("USER anonymous\r\n"), 5, 0},
    {PROTOCOL_FTP, "ftp auth", BYTES("AUTH TLS\r\n"), 5, 0},
    {PROTOCOL_FTP, "ftp feat", BYTES("FEAT\r\n"), 5, 0},
    {PROTOCOL_FTP, "ftp noop", BYTES("NOOP\r\n"), 5, 0},
    {PROTOCOL_SMTP, "smtp ehlo", BYTES("EHLO [192.0.2.7]\r\n"), 5, 0},
    {PROTOCOL_SMTP, "smtp helo", BYTES("helo mx.example.org\r\n"), 5, 0},
    {PROTOCOL_SMTP, "lmtp", BYTES("LHLO a\r\n"), 5, 0},
    {PROTOCOL_SMTP, "smtp quit", BYTES("QUIT\r\n"), 5, 0},
    {PROTOCOL_MYSQL, "mysql login",
     BYTES("\xd6\0\0\1\x84\xa6\xff\x20\0\0\0\1\x21" ZEROS_24 "admin\0"), 6, 218},
    {PROTOCOL_MYSQL, "mysql tls", BYTES("\x20\0\0\1\x85\xae\xff\x19\0\0\0\1\xff" ZEROS_23), 6, 0},
    {PROTOCOL_POSTGRESQL, "postgresql start",
     BYTES("\0\0\0\x26\0\3\0\0user\0oryx\0database\0m\0\0"), 8, 38},
    {PROTOCOL_POSTGRESQL, "postgresql tls", BYTES("\0\0\0\x08\x04\xd2\x16\x2f"), 8, 0},
    {PROTOCOL_POSTGRESQL, "postgresql gss", BYTES("\0\0\0\x08\x04\xd2\x16\x30"), 8, 0},
    {PROTOCOL_POSTGRESQL, "postgresql cancel", BYTES("\0\0\0\x10\x04\xd2\x16\x2e\0\0\1\2\3\4\5\6"),
     8, 0},
    {PROTOCOL_REDIS, "redis array", BYTES("*2\r\n$7\r\nCOMMAND\r\n$4\r\nDOCS\r\n"), 5, 0},
    {PROTOCOL_REDIS, "redis inline", BYTES("PING\r\n"), 5, 0},
    {PROTOCOL_REDIS, "redis get", BYTES("GET key\r\n"), 9, 0},
    {PROTOCOL_MQTT, "mqtt 3.1.1", BYTES("\x10\x11\0\4MQTT\4\2\0\x3c\0\5but13"), 9, 0},
    {PROTOCOL_MQTT, "mqtt 5", BYTES("\x10\x8f\1\0\4MQTT\5\2\0\x3c"), 10, 146},
    {PROTOCOL_MQTT, "mqtt 3.1", BYTES("\x10\x13\0\6MQIsdp\3\2\0\x3c\0\5but13"), 11, 0},
    {PROTOCOL_BITTORRENT, "bittorrent",
     BYTES("\023BitTorrent protocol" ZEROS_8 HASH "-TR3000-abcdefghijkl"), 20, 48},
    {PROTOCOL_TELNET, "telnet do", BYTES("\xff\xfd\3\xff\xfb\x18\xff\xfb\x1f"), 2, 3},
    {PROTOCOL_TELNET, "telnet will", BYTES("\xff\xfb\x1f\xff\xfb\x20"), 2, 3},
    {PROTOCOL_RDP, "rdp cookie",
     BYTES("\3\0\0\x2b\x26\xe0\0\0\0\0\0Cookie: mstshash=elton\r\n\1\0\x08\0\3\0\0\0"), 12, 0},
    {PROTOCOL_RDP, "rdp wishes", BYTES("\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\x0b\0\0\0"), 12, 0},
    {PROTOCOL_RDP, "rdp bare", BYTES("\3\0\0\x0b\x06\xe0\0\0\0\0\0"), 11, 0},
    {PROTOCOL_SMB, "smb1", BYTES("\0\0\0\x54\xffSMB\x72\0\0\0\0\x18\x53\xc8" ZEROS_24), 9, 88},
    {PROTOCOL_SMB, "smb2", BYTES("\0\0\0\x66\xfeSMB\x40\0\1\0\0\0\0\0\0\0\1\0" ZEROS_24), 18, 106},
    {PROTOCOL_SMB, "smb 139", BYTES("\x81\0\0\x44\x20" NAME_32 "\0\x20" NAME_32 "\0"), 6, 0},
    {PROTOCOL_SIP, "sip invite",
     BYTES("INVITE sip:bob@biloxi.com SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n\r\n"), 31, 0},
    {PROTOCOL_SIP, "sip register",
     BYTES("\r\n\r\nREGISTER sip:ss2.biloxi.example.com SIP/2.0\r\n\r\n"), 45, 0},
    {PROTOCOL_GNUTELLA, "gnutella 0.6", BYTES("GNUTELLA CONNECT/0.6\r\nUser-Agent: x\r\n\r\n"), 20,
     0},
    {PROTOCOL_GNUTELLA, "gnutella 0.4", BYTES("GNUTELLA CONNECT/0.4\n\n"), 20, 0},
    {PROTOCOL_GNUTELLA, "gnutella giv",
     BYTES("GIV 36:809BC12168A1852CFE5A7A785833F600/Foo.txt\n\n"), 5, 0},
    {PROTOCOL_EDONKEY, "edonkey hello",
     BYTES("\xe3\x77\0\0\0\1\x10\x1b\x42\xcd\x5b\x94\x0e\xd7\x79\xc2\x0a\xb7\x55\xfe\x25\x6f\x97"),
     6, 124},
    {PROTOCOL_EDONKEY, "edonkey login",
     BYTES("\xe3\x35\0\0\0\1\x1b\x42\xcd\x5b\x94\x0e\xd7\x79\xc2\x0a\xb7\x55\xfe\x25\x6f\x97\0"), 6,
     58},
    {PROTOCOL_EDONKEY, "emule info", BYTES("\xc5\x24\0\0\0\1\x3c\1\x07\0\0\0\x20\1"), 6, 41},
    {PROTOCOL_EDONKEY, "edonkey packed", BYTES("\xd4\x2c\0\0\0\1\x78\xda\x93\x66\x60\x60"), 6, 49},
    {PROTOCOL_DNS, "dns query",
     BYTES("\0\x34\x80\xe4\1\x20\0\1\0\0\0\0\0\1\x08weberlab\2de\0\0\x30\0\1\0\0\x29\x10\0\0\0\x80"
           "\0\0\0"),
     14, 54},
    {PROTOCOL_DNS, "dns transfer",
     BYTES("\0\x1d\x12\x34\0\0\0\1\0\0\0\0\0\0\7example\3org\0\0\xfc\0\1"), 14, 0},
    {PROTOCOL_DNS, "dns notify",
     BYTES("\0\x1d\x12\x34\x24\0\0\1\0\1\0\0\0\0\7example\3org\0\0\6\0\1"), 14, 0},
};
const size_t samples_count = sizeof(samples) / sizeof(samples[0]);
