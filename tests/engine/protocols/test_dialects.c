/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_dialects.c - first requests that are right though few clients write them so: old and new
 * versions, other cases, blanks, optional fields, extensions. Each must be taken for its protocol,
 * and no beginning of it refused.
 */
#include <criterion/criterion.h>

#include "engine/protocols/protocol.h"
#include "tests/engine/protocols/support_samples.h"

#define A_8     "aaaaaaaa"
#define A_64    A_8 A_8 A_8 A_8 A_8 A_8 A_8 A_8
#define ZEROS_8 "\0\0\0\0\0\0\0\0"

static const struct dialect {
    enum protocol_id id;
    const char *name, *bytes;
    size_t count;
} dialects[] = {
    {PROTOCOL_HTTP, "no header", BYTES("GET / HTTP/1.0\r\n\r\n")},
    {PROTOCOL_HTTP, "bare LF", BYTES("GET / HTTP/1.1\nHost: a\n\n")},
    {PROTOCOL_HTTP, "blank lines first", BYTES("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")},
    {PROTOCOL_HTTP, "absolute form", BYTES("GET http://example.org/a HTTP/1.1\r\nHost: a\r\n\r\n")},
    {PROTOCOL_HTTP, "IPv6 literal", BYTES("CONNECT [2001:db8::1]:443 HTTP/1.1\r\n\r\n")},
    {PROTOCOL_HTTP, "asterisk", BYTES("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")},
    {PROTOCOL_HTTP, "WebDAV", BYTES("PROPFIND /dav/ HTTP/1.1\r\nDepth: 1\r\n\r\n")},
    {PROTOCOL_HTTP, "DeltaV", BYTES("VERSION-CONTROL /a HTTP/1.1\r\n\r\n")},
    {PROTOCOL_HTTP, "CalDAV", BYTES("MKCALENDAR /cal HTTP/1.1\r\n\r\n")},
    {PROTOCOL_HTTP, "Subversion", BYTES("MERGE /svn/!svn/vcc/default HTTP/1.1\r\n\r\n")},
    {PROTOCOL_HTTP, "UPnP", BYTES("M-SEARCH * HTTP/1.1\r\n\r\n")},
    {PROTOCOL_HTTP, "UPnP events", BYTES("SUBSCRIBE /evt HTTP/1.1\r\n\r\n")},
    {PROTOCOL_HTTP, "BITS", BYTES("BITS_POST /upload HTTP/1.1\r\n\r\n")},
    {PROTOCOL_HTTP, "RPC over HTTP",
     BYTES("RPC_IN_DATA /rpc/rpcproxy.dll?a:6001 HTTP/1.1\r\n\r\n")},
    {PROTOCOL_HTTP, "a method of its own", BYTES("PURGE /a HTTP/1.1\r\n\r\n")},
    {PROTOCOL_HTTP, "a method in lower case", BYTES("get / HTTP/1.1\r\n\r\n")},
    {PROTOCOL_HTTP, "QUERY", BYTES("QUERY /a HTTP/1.1\r\n\r\n")},
    {PROTOCOL_HTTP, "Icecast today",
     BYTES("PUT /live.ogg HTTP/1.1\r\nExpect: 100-continue\r\n\r\n")},
    {PROTOCOL_HTTP, "Icecast by SOURCE", BYTES("SOURCE /live.ogg HTTP/1.0\r\n\r\n")},
    {PROTOCOL_HTTP, "UTF-8 in the target", BYTES("GET /\xc3\xa4 HTTP/1.1\r\n\r\n")},
    {PROTOCOL_HTTP, "a long target",
     BYTES("GET /" A_64 A_64 A_64 A_64 A_64 A_64 " HTTP/1.1\r\n\r\n")},

    {PROTOCOL_TLS, "1.0, record of 3.1", BYTES("\x16\3\1\0\x2f\1\0\0\x2b\3\1\1\2\3")},
    {PROTOCOL_TLS, "1.1", BYTES("\x16\3\2\0\x2f\1\0\0\x2b\3\2\1\2\3")},
    {PROTOCOL_TLS, "SSL 3.0", BYTES("\x16\3\0\0\x2f\1\0\0\x2b\3\0\1\2\3")},
    {PROTOCOL_TLS, "a hello in several records", BYTES("\x16\3\1\0\x40\1\0\x06\x00\3\3\1\2\3")},
    {PROTOCOL_TLS, "a record of 16 KiB", BYTES("\x16\3\1\x40\0\1\0\x3f\xfc\3\3\1\2\3")},

    {PROTOCOL_HTTP2, "preface and SETTINGS",
     BYTES(
         "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x64\0\4\0\xa0\0\0\0\2\0\0"
         "\0\0")},

    {PROTOCOL_SSH, "with a comment", BYTES("SSH-2.0-PuTTY_Release_0.78 hello world\r\n")},
    {PROTOCOL_SSH, "bare LF", BYTES("SSH-2.0-Go\n")},
    {PROTOCOL_SSH, "1.99", BYTES("SSH-1.99-OpenSSH_2.9\n")},
    {PROTOCOL_SSH, "a hyphen in the version", BYTES("SSH-2.0-libssh2_1.11.0-DEV\r\n")},

    {PROTOCOL_POP3, "AUTH", BYTES("AUTH\r\n")},
    {PROTOCOL_POP3, "AUTH PLAIN", BYTES("AUTH PLAIN AGEAYg==\r\n")},
    {PROTOCOL_POP3, "bare LF", BYTES("user a\n")},
    {PROTOCOL_POP3, "UTF8", BYTES("UTF8\r\n")},
    {PROTOCOL_POP3, "LANG", BYTES("LANG de\r\n")},

    {PROTOCOL_IMAP, "a literal", BYTES("a LOGIN {4}\r\n")},
    {PROTOCOL_IMAP, "LITERAL+", BYTES("a LOGIN {4+}\r\nuser {4+}\r\npass\r\n")},
    {PROTOCOL_IMAP, "lower case", BYTES("1 capability\r\n")},
    {PROTOCOL_IMAP, "IR", BYTES("A1 AUTHENTICATE PLAIN AGEAYg==\r\n")},
    {PROTOCOL_IMAP, "NOOP", BYTES("42 NOOP\r\n")},
    {PROTOCOL_IMAP, "LOGOUT", BYTES("x LOGOUT\r\n")},

    {PROTOCOL_FTP, "lower case", BYTES("user anonymous\r\n")},
    {PROTOCOL_FTP, "AUTH SSL", BYTES("AUTH SSL\r\n")},
    {PROTOCOL_FTP, "OPTS UTF8", BYTES("OPTS UTF8 ON\r\n")},
    {PROTOCOL_FTP, "HOST", BYTES("HOST ftp.example.org\r\n")},
    {PROTOCOL_FTP, "SYST", BYTES("SYST\r\n")},

    {PROTOCOL_SMTP, "EHLO IPv6", BYTES("EHLO [IPv6:2001:db8::1]\r\n")},
    {PROTOCOL_SMTP, "EHLO alone", BYTES("EHLO\r\n")},
    {PROTOCOL_SMTP, "bare LF", BYTES("HELO a\n")},
    {PROTOCOL_SMTP, "LHLO", BYTES("LHLO mx\r\n")},
    {PROTOCOL_SMTP, "NOOP", BYTES("NOOP\r\n")},
    {PROTOCOL_SMTP, "RSET", BYTES("rset\r\n")},
    {PROTOCOL_SMTP, "VRFY", BYTES("VRFY a\r\n")},

    {PROTOCOL_POSTGRESQL, "protocol 3.2", BYTES("\0\0\0\x10\0\3\0\2user\0a\0\0")},
    {PROTOCOL_POSTGRESQL, "cancel with a long key",
     BYTES("\0\0\0\x2c\x04\xd2\x16\x2e\0\0\1\2" A_8 A_8 A_8 A_8)},
    {PROTOCOL_POSTGRESQL, "direct TLS is TLS", BYTES("\0\0\0\x08\x04\xd2\x16\x2f")},

    {PROTOCOL_REDIS, "HELLO 3", BYTES("*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n")},
    {PROTOCOL_REDIS, "inline lower case", BYTES("ping\n")},
    {PROTOCOL_REDIS, "inline ROLE", BYTES("ROLE\r\n")},
    {PROTOCOL_REDIS, "a replica's PSYNC", BYTES("*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n")},

    {PROTOCOL_MQTT, "5 with properties", BYTES("\x10\x14\0\4MQTT\5\2\0\x3c\5\x11\0\0\0\x0a\0\2ab")},
    {PROTOCOL_MQTT, "a bridge of mosquitto", BYTES("\x10\x0f\0\4MQTT\x84\2\0\x3c\0\3abc")},
    {PROTOCOL_MQTT, "3.1 of a bridge", BYTES("\x10\x11\0\6MQIsdp\x83\2\0\x3c\0\3abc")},
    {PROTOCOL_MQTT, "no client id", BYTES("\x10\x0c\0\4MQTT\4\2\0\x3c\0\0")},

    {PROTOCOL_TELNET, "IAC WILL", BYTES("\xff\xfb\x18")},
    {PROTOCOL_TELNET, "IAC SB", BYTES("\xff\xfa\x1f\0\x50\0\x18\xff\xf0")},

    {PROTOCOL_RDP, "a routing token",
     BYTES("\3\0\0\x32\x2d\xe0\0\0\0\0\0Cookie: msts=3640205228.15629.0000\r\n\1\0\x08\0\3\0\0\0")},
    {PROTOCOL_RDP, "restricted admin", BYTES("\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\1\x08\0\3\0\0\0")},
    {PROTOCOL_RDP, "correlation info",
     BYTES("\3\0\0\x37\x32\xe0\0\0\0\0\0\1\x08\x08\0\3\0\0\0\6\0\x24\0" ZEROS_8 ZEROS_8 ZEROS_8
               ZEROS_8)},
    {PROTOCOL_RDP, "nonzero source reference",
     BYTES("\3\0\0\x13\x0e\xe0\0\0\x12\x34\0\1\0\x08\0\3\0\0\0")},

    {PROTOCOL_SMB, "smb 1 with a PID",
     BYTES("\0\0\0\x2f\xffSMB\x72\0\0\0\0\x18\1\x28\0\0" ZEROS_8 "\0\0\0\0\1\2\0\0\0\0")},
    {PROTOCOL_SMB, "smb2 with credits",
     BYTES("\0\0\0\xf8\xfeSMB\x40\0\1\0\0\0\0\0\0\0\x1f\0" ZEROS_8)},
    {PROTOCOL_SMB, "smb2 without credit charge",
     BYTES("\0\0\0\x6c\xfeSMB\x40\0\0\0\0\0\0\0\0\0\0\0" ZEROS_8)},

    {PROTOCOL_SIP, "OPTIONS", BYTES("OPTIONS sip:a@example.org SIP/2.0\r\n\r\n")},
    {PROTOCOL_SIP, "sips", BYTES("REGISTER sips:example.org SIP/2.0\r\n\r\n")},
    {PROTOCOL_SIP, "tel", BYTES("INVITE tel:+49-30-1 SIP/2.0\r\n\r\n")},
    {PROTOCOL_SIP, "IPv6", BYTES("OPTIONS sip:[2001:db8::1] SIP/2.0\r\n\r\n")},
    {PROTOCOL_SIP, "keepalive first", BYTES("\r\n\r\nOPTIONS sip:a SIP/2.0\r\n\r\n")},

    {PROTOCOL_GNUTELLA, "0.6 bare LF", BYTES("GNUTELLA CONNECT/0.6\n\n")},

    {PROTOCOL_DNS, "EDNS",
     BYTES("\0\x28\xab\xcd\1\x20\0\1\0\0\0\0\0\1\7example\3org\0\0\1\0\1\0\0"
           "\x29\4\xd0\0\0\0\0\0\0")},
    {PROTOCOL_DNS, "TSIG transfer", BYTES("\0\x40\x12\x34\0\0\0\1\0\0\0\0\0\1\7example\3org\0")},
    {PROTOCOL_DNS, "IXFR", BYTES("\0\x40\x12\x34\0\0\0\1\0\0\0\1\0\0\7example\3org\0")},
    {PROTOCOL_DNS, "UPDATE", BYTES("\0\x40\x12\x34\x28\0\0\1\0\0\0\1\0\0\7example\3org\0")},
    {PROTOCOL_DNS, "UPDATE with conditions and a TSIG",
     BYTES("\0\x60\x12\x34\x28\0\0\1\0\2\0\3\0\1\7example\3org\0")},
    {PROTOCOL_DNS, "the root", BYTES("\0\x11\x12\x34\1\0\0\1\0\0\0\0\0\0\0\0\2\0\1")},

    {PROTOCOL_MEMCACHED, "gets", BYTES("gets a b c\r\n")},
    {PROTOCOL_MEMCACHED, "meta noop", BYTES("mn\r\n")},
    {PROTOCOL_MEMCACHED, "meta set", BYTES("ms key 2 T90\r\nhi\r\n")},
    {PROTOCOL_MEMCACHED, "stats alone", BYTES("stats\r\n")},
    {PROTOCOL_MEMCACHED, "gat", BYTES("gat 60 k\r\n")},
    {PROTOCOL_MEMCACHED, "SASL list", BYTES("\x80\x20\0\0\0\0\0\0\0\0\0\0" ZEROS_8 "\0\0\0\0")},
    {PROTOCOL_MEMCACHED, "config get cluster", BYTES("config get cluster\r\n")},
    {PROTOCOL_MEMCACHED, "bare LF", BYTES("get a\n")},

    {PROTOCOL_LDAP, "version 2", BYTES("\x30\x0c\2\1\1\x60\7\2\1\2\4\0\x80\0")},
    {PROTOCOL_LDAP, "SASL", BYTES("\x30\x18\2\1\1\x60\x13\2\1\3\4\0\xa3\x0c\4\x0aGSS-SPNEGO")},
    {PROTOCOL_LDAP, "message 0x0100", BYTES("\x30\x0d\2\2\1\0\x60\7\2\1\3\4\0\x80\0")},

    {PROTOCOL_AMQP, "0-8", BYTES("AMQP\1\1\x08\0")},
    {PROTOCOL_AMQP, "0-10", BYTES("AMQP\1\1\0\x0a")},
    {PROTOCOL_AMQP, "0-9", BYTES("AMQP\1\1\0\x09")},
    {PROTOCOL_AMQP, "1.0 in TLS", BYTES("AMQP\2\1\0\0")},

    {PROTOCOL_NATS, "connect with blanks", BYTES("CONNECT   {}\r\n")},
    {PROTOCOL_NATS, "lower case", BYTES("connect {}\r\nping\r\n")},
    {PROTOCOL_NATS, "PUB", BYTES("PUB a 2\r\nhi\r\n")},

    {PROTOCOL_IRC, "PASS", BYTES("PASS secret\r\nNICK a\r\n")},
    {PROTOCOL_IRC, "WEBIRC", BYTES("WEBIRC a b c.example 192.0.2.1\r\n")},
    {PROTOCOL_IRC, "CAP lower case", BYTES("cap ls\n")},
    {PROTOCOL_IRC, "USER without a colon", BYTES("USER a 0 * b\r\n")},

    {PROTOCOL_XMPP, "double quotes",
     BYTES("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<stream:stream xmlns=\"jabber:client\">")},
    {PROTOCOL_XMPP, "a server",
     BYTES(
         "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>")},

    {PROTOCOL_RSYNC, "27", BYTES("@RSYNCD: 27\n")},
    {PROTOCOL_RSYNC, "29.0", BYTES("@RSYNCD: 29.0\n")},
    {PROTOCOL_RSYNC, "32", BYTES("@RSYNCD: 32.0 sha512 md5\n")},
    {PROTOCOL_RSYNC, "a rsync of before 20", BYTES("@RSYNCD: 19\n")},

    {PROTOCOL_GIT, "without a host", BYTES("001agit-upload-pack /a.git\0")},
    {PROTOCOL_GIT, "archive",
     BYTES("003bgit-upload-archive /project.git\0host=example.org:9418\0")},
    {PROTOCOL_GIT, "version 1",
     BYTES("0042git-upload-pack /project.git\0host=myserver.com\0\0version=1\0")},
    {PROTOCOL_GIT, "IPv6", BYTES("0033git-upload-pack /a.git\0host=[2001:db8::1]:9418\0")},

    {PROTOCOL_NNTP, "AUTHINFO", BYTES("AUTHINFO USER a\r\n")},
    {PROTOCOL_NNTP, "XOVER", BYTES("xover 1-5\r\n")},
    {PROTOCOL_NNTP, "LIST", BYTES("LIST ACTIVE\r\n")},
    {PROTOCOL_NNTP, "MODE STREAM", BYTES("MODE STREAM\r\n")},
    {PROTOCOL_NNTP, "XPATH", BYTES("XPATH <a@b>\r\n")},
    {PROTOCOL_NNTP, "XFEATURE", BYTES("XFEATURE COMPRESS GZIP\r\n")},
    {PROTOCOL_NNTP, "XROVER", BYTES("XROVER 1-5\r\n")},

    {PROTOCOL_VNC, "3.3", BYTES("RFB 003.003\n")},
    {PROTOCOL_VNC, "3.7", BYTES("RFB 003.007\n")},
    {PROTOCOL_VNC, "Apple's", BYTES("RFB 003.889\n")},
    {PROTOCOL_VNC, "RealVNC's 4", BYTES("RFB 004.001\n")},
    {PROTOCOL_VNC, "RealVNC's 5", BYTES("RFB 005.000\n")},

    {PROTOCOL_PROXY, "UNKNOWN", BYTES("PROXY UNKNOWN\r\nGET / HTTP/1.0\r\n\r\n")},
    {PROTOCOL_PROXY, "TCP6",
     BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\nGET / HTTP/1.0\r\n\r\n")},
    {PROTOCOL_PROXY, "2 LOCAL", BYTES("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0GET / HTTP/1.0\r\n\r\n")},

    {PROTOCOL_STOMP, "1.0", BYTES("CONNECT\nlogin: a\npasscode:b\n\n\0")},

    {PROTOCOL_MONGODB, "OP_QUERY isMaster",
     BYTES("\x3a\0\0\0\1\0\0\0\0\0\0\0\xd4\7\0\0\4\0\0\0admin.$cmd\0\0\0\0\0\1\0\0\0")},
    {PROTOCOL_MONGODB, "OP_COMPRESSED",
     BYTES("\x3a\0\0\0\1\0\0\0\0\0\0\0\xdc\7\0\0\xdd\7\0\0\x30\0\0\0\1" A_8 A_8)},

    {PROTOCOL_KAFKA, "ApiVersions 0", BYTES("\0\0\0\x11\0\x12\0\0\0\0\0\1\0\7console")},
    {PROTOCOL_KAFKA, "ApiVersions 4",
     BYTES("\0\0\0\x23\0\x12\0\4\0\0\0\1\0\7sarama\0\0\7sarama\6"
           "1.0.0\0\0\0\0\0")},
    {PROTOCOL_KAFKA, "no client id", BYTES("\0\0\0\x0a\0\x12\0\2\0\0\0\1\xff\xff")},
    {PROTOCOL_KAFKA, "Produce", BYTES("\0\0\1\0\0\0\0\7\0\0\0\1\0\2me\xff\xff\0\1")},
    {PROTOCOL_KAFKA, "SaslHandshake", BYTES("\0\0\0\x17\0\x11\0\1\0\0\0\1\0\2me\0\5PLAIN")},

    {PROTOCOL_MINECRAFT, "a login", BYTES("\x10\0\xff\5\x09localhost\x63\xdd\2")},
    {PROTOCOL_MINECRAFT, "transferred", BYTES("\x10\0\xff\5\x09localhost\x63\xdd\3")},
    {PROTOCOL_MINECRAFT, "Forge", BYTES("\x15\0\xd4\2\x0elocalhost\0FML\0\x63\xdd\2")},
    {PROTOCOL_MINECRAFT, "Forge 2", BYTES("\x16\0\xd4\5\x0flocalhost\0FML2\0\x63\xdd\2")},
    {PROTOCOL_MINECRAFT, "version -1", BYTES("\x13\0\xff\xff\xff\xff\x0f\x09localhost\x63\xdd\1")},
    {PROTOCOL_MINECRAFT, "a snapshot", BYTES("\x13\0\xc1\x81\x80\x80\4\x09localhost\x63\xdd\1")},
    {PROTOCOL_MINECRAFT, "ping of 1.6",
     BYTES("\xfe\1\xfa\0\x0b\0M\0C\0|\0P\0i\0n\0g\0H\0o\0s\0t\0\7\x4a\0\0\0\0\x63\xdd")},
    {PROTOCOL_MINECRAFT, "ping of 1.4", BYTES("\xfe\1")},
    {PROTOCOL_MINECRAFT, "behind BungeeCord",
     BYTES("\x4b\0\xff\5\x44localhost\000192.0.2.1\0"
           "0123456789abcdef0123456789abcdef"
           "\0[0123456789abc]\x63\xdd\2")},

    {PROTOCOL_ICECAST, "without a type",
     BYTES("SOURCE /m ICE/1.0\r\nauthorization: Basic a\r\n\r\n")},

    {PROTOCOL_BEANSTALKD, "stats-tube", BYTES("stats-tube a\r\n")},
    {PROTOCOL_BEANSTALKD, "list-tubes", BYTES("list-tubes\r\n")},
    {PROTOCOL_BEANSTALKD, "reserve", BYTES("reserve\r\n")},

    {PROTOCOL_MPD, "password", BYTES("password a\n")},
    {PROTOCOL_MPD, "old list", BYTES("command_list_begin\nstatus\ncommand_list_end\n")},
    {PROTOCOL_MPD, "tagtypes", BYTES("tagtypes \"clear\"\n")},
    {PROTOCOL_MPD, "CR LF", BYTES("status\r\n")},
    {PROTOCOL_MPD, "listall", BYTES("listallinfo \"\"\n")},

    {PROTOCOL_DICT, "SHOW", BYTES("SHOW DB\r\n")},
    {PROTOCOL_DICT, "lower case", BYTES("match * prefix pen\r\n")},
    {PROTOCOL_DICT, "OPTION MIME", BYTES("OPTION MIME\r\n")},
    {PROTOCOL_DICT, "QUIT", BYTES("QUIT\r\n")},

    {PROTOCOL_GEARMAN, "ECHO_REQ", BYTES("\0REQ\0\0\0\x10\0\0\0\1a")},
    {PROTOCOL_GEARMAN, "CAN_DO", BYTES("\0REQ\0\0\0\1\0\0\0\2ab")},
    {PROTOCOL_GEARMAN, "OPTION_REQ",
     BYTES("\0REQ\0\0\0\x1a\0\0\0\x0a"
           "exceptions")},
    {PROTOCOL_GEARMAN, "PRE_SLEEP", BYTES("\0REQ\0\0\0\4\0\0\0\0")},
    {PROTOCOL_GEARMAN, "status, CR LF", BYTES("status\r\n")},

    {PROTOCOL_SOCKS, "5, no authentication and GSSAPI", BYTES("\5\2\0\1")},
    {PROTOCOL_SOCKS, "5, GSSAPI alone", BYTES("\5\1\1")},
    {PROTOCOL_SOCKS, "5, password alone", BYTES("\5\1\2")},
    {PROTOCOL_SOCKS, "5, CHAP", BYTES("\5\3\0\2\3")},
    {PROTOCOL_SOCKS, "4, no user", BYTES("\4\1\0\x50\xc0\0\2\7\0")},
    {PROTOCOL_SOCKS, "4 bind", BYTES("\4\2\0\x50\xc0\0\2\7me\0")},
    {PROTOCOL_SOCKS, "Tor's RESOLVE", BYTES("\4\xf0\0\0\0\0\0\1\0example.org\0")},
    {PROTOCOL_SOCKS, "4a, user and name", BYTES("\4\1\1\xbb\0\0\0\1me\0example.org\0")},

    {PROTOCOL_ZABBIX, "an active agent", BYTES("ZBXD\1\x05\0\0\0\0\0\0\0{\"a\":")},
    {PROTOCOL_ZABBIX, "packed", BYTES("ZBXD\3\x05\0\0\0\x0a\0\0\0\x78\x9c\1\2\3")},
    {PROTOCOL_ZABBIX, "no parameters", BYTES("agent.version\n")},
    {PROTOCOL_ZABBIX, "a parameter", BYTES("system.cpu.load[all,avg1]\n")},

    {PROTOCOL_BITTORRENT, "no reserved bits",
     BYTES("\023BitTorrent protocol" ZEROS_8 "01234567890123456789-qB4500-abcdefghijkl")},
    {PROTOCOL_BITTORRENT, "all extensions",
     BYTES("\023BitTorrent protocol\0\0\0\0\0\x18\0\5"
           "01234567890123456789")},

    {PROTOCOL_MYSQL, "MariaDB",
     BYTES("\x54\0\0\1\x8d\xa6\xff\x20\0\0\0\1\x21" ZEROS_8 ZEROS_8 "\0\0\0\x1d\0\0\0root\0")},
};

static bool known(const struct dialect *dialect, size_t bytes, bool whole)
{
    const enum match match = check_bytes(dialect->id, dialect->bytes, bytes);

    return match == MATCH_YES || (!whole && match == MATCH_MORE);
}

Test(dialects, are_right)
{
    for (size_t i = 0; i < COUNT(dialects); i++) {
        const struct dialect *dialect = &dialects[i];

        cr_expect(known(dialect, dialect->count, true), "%s: %s", protocol_name(dialect->id),
                  dialect->name);
        for (size_t bytes = 1; bytes < dialect->count; bytes++)
            cr_expect(known(dialect, bytes, false), "%s: %s: %zu bytes of it",
                      protocol_name(dialect->id), dialect->name, bytes);
    }
}
