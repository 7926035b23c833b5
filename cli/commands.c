/* SPDX-License-Identifier: GPL-2.0-or-later */
/* commands.c - see commands.h. */
#include "cli/commands.h"

#include "cli/cmd.h"
#include "profiles/model/settings.h"

#define DAEMON_OPTIONS           (OPTION_BIT(CONTROL) | OPTION_BIT(JSON))
#define TABLE_OPTIONS            (DAEMON_OPTIONS | OPTION_BIT(TSV) | OPTION_BIT(OUTPUT))
#define TABLE_FORM               "[--json | --tsv] [--output COLUMNS] [--control SOCKET]"
#define TEXT_OF(number)          TEXT_OF_EXPANDED(number)
#define TEXT_OF_EXPANDED(number) #number
#define EVERY_VLAN                                                                                 \
    "VLANs are not written: where the same address and port exist in several VLANs,\n"             \
    "the command is for all of them.\n"
#define SERVER_FORMS                                                                               \
    "SERVER:PORT is 10.77.0.2:110 or [fd77::2]:110; an address alone stands for all\n"             \
    "its ports. 10.77.0.2:53/udp is who is asked there over UDP, alone, 53/tcp the\n"              \
    "other, and 53 both.\n" EVERY_VLAN

/* clang-format off */
#define PROFILES_HELP                                                                              \
    "With --store a store is read without a daemon.\n"                                             \
    "A profile is armed, that is, speaks for its server, from " TEXT_OF(ARMED_HANDSHAKES)          \
    " handshakes, " TEXT_OF(ARMED_REQUESTS) "\n"                                                   \
    "accepted requests and a fidelity of " TEXT_OF(ARMED_FIDELITY) " on. Fidelity is how often "   \
    "what synward\n"                                                                               \
    "would have said equalled what the server did say. ENFORCED is what first requests\n"          \
    "are checked by in attack mode, or why they are not.\n" SERVER_FORMS
/* clang-format on */

static const struct command commands[] = {
    {.name = "run",
     .forms = {"[--inline IFNAME[@NETNS] | --client SIDE --server SIDE] [--store FILE] "
               "[--control SOCKET] [--mode "
               "auto|normal|attack] "
               "[--server-stack NETNS] [--learn on|off] [--unknown cookie|pass|drop] [--workers N] "
               "[--flows N] [--busy-poll off|auto|US] [--kernel-path auto|on|off] "
               "[--hook auto|on|off] [--carrier "
               "mirror|keep] [--card auto|veth|tap] [--when-dead open|limited|closed] [--sandbox "
               "auto|on|off] [--cluster-key FILE] [--config FILE]"},
     .options = OPTION_BIT(CLIENT) | OPTION_BIT(SERVER) | OPTION_BIT(STORE) | OPTION_BIT(CONTROL) |
                OPTION_BIT(MODE) | OPTION_BIT(SERVER_STACK) | OPTION_BIT(LEARN) |
                OPTION_BIT(UNKNOWN) | OPTION_BIT(FLOWS) | OPTION_BIT(CONFIG) | OPTION_BIT(WORKERS) |
                OPTION_BIT(BUSY_POLL) | OPTION_BIT(KERNEL_PATH) | OPTION_BIT(SINGLE_READS) |
                OPTION_BIT(SINGLE_QUEUE) | OPTION_BIT(SANDBOX) | OPTION_BIT(CLUSTER_KEY) |
                OPTION_BIT(ESCAPE) | OPTION_BIT(INLINE) | OPTION_BIT(CARRIER) |
                OPTION_BIT(WHEN_DEAD) | OPTION_BIT(CARD) | OPTION_BIT(HOOK),
     .summary = "bridge two sides, learn the servers, protect them",
     .help = "Runs in the foreground until SIGTERM or SIGINT, and logs on stderr; lines that\n"
             "nobody reads are dropped and counted. A side is one of\n"
             "  netns:NAME/IFNAME  made inside a network namespace, as its network card (--card)\n"
             "  tap:IFNAME         a TAP in our own namespace, for you to bridge\n"
             "  port:IFNAME[@NAME] an interface that exists (a VM's tap, a veth end, a card),\n"
             "                     in our own namespace or in NAME, joined to a TAP of ours;\n"
             "                     the host itself neither hears nor says anything there\n"
             "  inline:IFNAME[@NAME]\n"
             "                     what the host has at IFNAME, its bridge or its own stack,\n"
             "                     where port:IFNAME, the wire of it, is the other side\n"
             "--inline IFNAME is short for --client inline:IFNAME --server port:IFNAME: servers\n"
             "behind this interface (a VM's tap, a container's veth end) are protected. It keeps\n"
             "its place in its bridge, or its addresses and routes, and the host goes on using\n"
             "it. For what the host itself serves, or its bridge, on a network card: --client\n"
             "port:eth1 --server inline:eth1.\n"
             "\n"
             "The control socket appears when both sides are up; a service manager that set\n"
             "NOTIFY_SOCKET is told then, too, and WATCHDOG_USEC is obeyed (sd_notify(3)).\n"
             "\n"
             "Where the servers listen in a namespace of this machine (that of a netns: side, or\n"
             "the one that --server-stack names) synward looks at their listening sockets: it\n"
             "knows servers before their first connection, by which program they are, how full\n"
             "their accept queues are, and on which ports nobody listens any more.\n"
             "\n"
             "--unknown says what becomes of new clients of a server in attack mode that has no\n"
             "armed profile yet: cookie lets them in after a good cookie, under limits; pass\n"
             "lets everything through as in normal mode; drop lets nobody new in.\n"
             "\n"
             "--workers N: so many threads carry frames, each with 20 to 30 MiB of its own; a\n"
             "connection has one of them. More than one needs TAPs with many queues: a\n"
             "persistent one must have been made with multi_queue.\n"
             "\n"
             "--flows is how many connections are remembered at once, 128 bytes each, which\n"
             "are taken from the system only as they are used. Live ones are never forgotten\n"
             "to make room: a new one beyond that number passes unfollowed in normal mode, and\n"
             "gets no answer in attack mode.\n"
             "\n"
             "--busy-poll: how many microseconds a worker looks for the next frame before it\n"
             "sleeps, where frames come that close together: saves the time of waking up, and\n"
             "costs CPU time. auto (default): 50, while the machine has a core to spare.\n"
             "\n"
             "--kernel-path: between two port: sides of one namespace, or netns: sides (--card),\n"
             "a program in the kernel carries plain segments of connections that are known, as\n"
             "fast as a bridge does; all else comes up to synward as ever. on: end where that is\n"
             "not possible; auto (default): do without then, and say why (`synward status`). It\n"
             "takes 64 bytes of the kernel's memory for each of --flows, and 72 for one carried.\n"
             "\n"
             "--hook: where the servers listen in a namespace of this machine (Linux 6.9 or\n"
             "newer there) and clients speak first, the server's own TCP makes the connection\n"
             "of a client that has proved itself, without a second handshake: nothing is changed\n"
             "in it from then on, and it needs no synward any more. Where that is not possible\n"
             "connections are spliced as ever; `synward status` says why. The servers' card is\n"
             "that of a netns: side, or the end in --server-stack NETNS of a veth whose other\n"
             "end is the port: of the server side. on: end where there is no such card, or no\n"
             "such kernel; auto (default): do without then. off: splice all connections.\n"
             "\n"
             "--carrier: where one side has no carrier (an unplugged cable, a guest that is off,\n"
             "an interface that is down) the other one shows none either, as with a cable, until\n"
             "it is back. A port is taken down for that, where that is a veth or a network card\n"
             "without addresses of this host; `synward status` says where nobody can be told.\n"
             "mirror is the default; keep: each side keeps its own.\n"
             "\n"
             "--card: what the card of a netns: side is. veth: one end of a pair whose other end\n"
             "stands in our own namespace and is joined as a port: is, so that the kernel path\n"
             "and --when-dead are there, too. It stays when synward ends, with its addresses,\n"
             "routes and neighbours, for the next start; `synward detach` removes it. tap: a TAP\n"
             "that goes with synward. auto (default): veth where the kernel takes that and the\n"
             "name is free, a TAP that is there already as it is.\n"
             "\n"
             "--when-dead: what passes between two port: sides of one namespace, or netns: sides\n"
             "(--card), while no worker is alive, because synward was killed or has not answered\n"
             "for 3 s. limited (default): everything, but of new connections from clients 8 a\n"
             "second for each server; open: everything; closed: nothing, as with all other\n"
             "sides. What synward has joined goes on only where the kernel carries it.\n"
             "\n"
             "--cluster-key: where several bridges protect the same servers, each takes the\n"
             "cookies of all that have the same file: one or two lines of 64 hexadecimal\n"
             "digits, mode 0600. The first makes cookies, both are taken. Their clocks must\n"
             "agree to a few seconds.\n"
             "\n"
             "The configuration file has lines KEY = VALUE; a line that begins with # is a\n"
             "comment, and so is what follows \" ;\" behind a value. Its keys are the\n"
             "options client, server, inline, store, control, mode, server-stack, learn,\n"
             "unknown, workers, flows, busy-poll, kernel-path, hook, card, carrier, when-dead,\n"
             "cluster-key and sandbox, and trigger.half_open and its like (see `synward help\n"
             "profiles set`) for every server that has none of its own.\n"
             "Below a line [server 10.77.0.2:110] stand mode, and what `synward profiles set`\n"
             "sets, for this server: what the file says of it counts before what was set.\n"
             "`synward check FILE` tells beforehand what a start would refuse, and `synward\n"
             "reload` takes a file that has changed.\n",
     .handle = cmd_run},
    {.name = "sync",
     .forms = {"--redis URL --name CLUSTER --cluster-key FILE [--node NAME] [--state FILE] "
               "[--password-file FILE] [--control SOCKET]"},
     .options = OPTION_BIT(REDIS) | OPTION_BIT(NAME) | OPTION_BIT(CLUSTER_KEY) | OPTION_BIT(NODE) |
                OPTION_BIT(STATE) | OPTION_BIT(PASSWORD_FILE) | OPTION_BIT(CONTROL),
     .summary = "share what one bridge knows with the others of its cluster",
     .help = "Runs beside a daemon that has the same --cluster-key, in the foreground until\n"
             "SIGTERM or SIGINT, and speaks with Redis (6.2 or newer) or Valkey, which all\n"
             "bridges of the cluster reach. What one has learned serves all; a server that is\n"
             "attacked at one is protected at every one, and who is put aside by one is so by\n"
             "all. Half-open and silent clients are judged as sums; of all other triggers, and\n"
             "where one bridge is not heard, each acts at its part of the limit.\n"
             "Values in the store are signed with the key file: whoever owns the store can take\n"
             "them away, and nothing else. Without the store all stays as it is, and cookies\n"
             "are shared as ever. No frame ever waits for it.\n"
             "What --state keeps lets nobody play old values again after a new start of sync.\n"
             "Started as root it reads its files and gives root up; who opens connections for\n"
             "it is the user synward-sync, where there is one. It finds the daemon by the socket\n"
             "beside --control: sync.sock beside control.sock.\n",
     .handle = cmd_sync},
    {.name = "check",
     .forms = {"FILE [--inline IFNAME[@NETNS]] [--store FILE] [--control SOCKET] [--elsewhere]"},
     .least_words = 1,
     .most_words = 1,
     .options =
         OPTION_BIT(INLINE) | OPTION_BIT(STORE) | OPTION_BIT(CONTROL) | OPTION_BIT(ELSEWHERE),
     .summary = "look at a configuration file as a start would",
     .help = "Says what is wrong with it, in the words of `synward run --config FILE`, with file\n"
             "and line, and ends with exit code 1; it touches nothing and asks no daemon.\n"
             "Interfaces, namespaces, key file, store and control socket are looked at, too;\n"
             "with --elsewhere they are not, as the file is for another machine. Not tried is\n"
             "what the start makes and the kernel must take (TAPs, cards, programs). Who may\n"
             "not enter a namespace is told what was not looked at. Give --inline, --store and\n"
             "--control where `run` is given them.\n",
     .handle = cmd_check},
    {.name = "reload",
     .forms = {TABLE_FORM},
     .options = TABLE_OPTIONS,
     .summary = "read the configuration file anew, without cutting the wire",
     .help = "The daemon reads the file of its start (`run --config FILE`), as on SIGHUP.\n"
             "All of it is taken, or nothing: where something is wrong it is told with file and\n"
             "line, and what was in force stays so. Mode, learn, unknown, triggers and servers\n"
             "change at once; IN FORCE says what waits for a restart. A mode that the file does\n"
             "not change stays as `synward mode` has set it.\n",
     .handle = cmd_reload},
    {.name = "status",
     .forms = {TABLE_FORM},
     .options = TABLE_OPTIONS,
     .summary = "mode, sides, servers and their modes, uptime",
     .help = "MODE is what is in force for a server, SETTING what was asked for it alone (or\n"
             "the setting for all), CAUSE what made synward protect it.\n",
     .handle = cmd_status},
    {.name = "profiles",
     .forms = {"[SERVER[:PORT]] [--json | --tsv] [--output COLUMNS] "
               "[--control SOCKET | --store FILE]"},
     .most_words = 1,
     .options = TABLE_OPTIONS | OPTION_BIT(STORE),
     .summary = "what has been learned: a table, or one server's whole profile",
     .help = PROFILES_HELP,
     .handle = cmd_profiles},
    {.name = "profiles export",
     .forms = {"FILE [--json] [--control SOCKET | --store FILE]"},
     .least_words = 1,
     .most_words = 1,
     .options = DAEMON_OPTIONS | OPTION_BIT(STORE),
     .summary = "write all profiles to a file",
     .help = "FILE is replaced as a whole, or not at all; - is stdout.\n",
     .handle = cmd_profiles_export},
    {.name = "profiles import",
     .forms = {"FILE [--json] [--control SOCKET]"},
     .least_words = 1,
     .most_words = 1,
     .options = DAEMON_OPTIONS,
     .summary = "take profiles from a file",
     .help = "FILE has the form of a store (`synward profiles export` writes it); - is stdin.\n"
             "A server in both takes the file's profile. All of the file is taken, or nothing.\n",
     .handle = cmd_profiles_import},
    {.name = "profiles forget",
     .forms = {"SERVER:PORT [--json] [--control SOCKET]"},
     .least_words = 1,
     .most_words = 1,
     .options = DAEMON_OPTIONS,
     .summary = "forget a server's profile and learn it afresh",
     .help = EVERY_VLAN,
     .handle = cmd_profiles_forget},
    {.name = "profiles set",
     .forms = {"SERVER:PORT KEY=VALUE [--json] [--control SOCKET]"},
     .least_words = 2,
     .most_words = 2,
     .options = DAEMON_OPTIONS,
     .summary = "change a setting of a server's profile",
     .help = "check says how the first request of a client is checked in attack mode:\n"
             "  protocol   it speaks one that the server accepted (the default)\n"
             "  keyword    it also asks for a name that the server accepted: a web host, a TLS\n"
             "             server name, a BitTorrent info_hash (`profiles SERVER` has them)\n"
             "  pattern    it fits the pattern that was learned of requests (unknown protocols)\n"
             "  none       a good cookie is enough\n"
             "greeting is exact or template: whether a greeting that changes (a clock, a\n"
             "counter) may be said for the server, where its protocol does not say so already;\n"
             "template also leaves out the timestamp that APOP needs.\n"
             "request is whole or begun: whether a connection is opened to the server for a\n"
             "whole first request only (the default), or at the first bytes that tell what\n"
             "it is, for clients that wait for the server in the middle of theirs.\n"
             "signed is md5, ao, both or none: which signed SYNs (TCP-MD5, TCP-AO) pass to the\n"
             "server in attack mode; by default those that it was seen to sign itself.\n"
             "open_per_second and open_per_source limit connections opened without a request,\n"
             "for the server and for each source.\n"
             "A trigger starts protection when its figure is over the limit:\n"
             "  trigger.half_open     handshakes not completed (200)\n"
             "  trigger.silent        clients of the last 2 s that say nothing, if they are at\n"
             "                        least half of all (200)\n"
             "  trigger.accept_queue  how full it is, in per cent (80), where synward can\n"
             "                        look into the servers' TCP stack\n"
             "  trigger.syn_rate      SYNs, as a multiple of what is usual (off)\n"
             "  trigger.mismatch      wrong first requests in 2 s (off)\n"
             "  trigger.refused       RSTs of the server in answer to clients in 2 s (off)\n"
             "  trigger.unanswered    SYNs, of two networks, that it lets pass a second (4)\n"
             "and of a server that is asked over UDP:\n"
             "  trigger.query_rate    queries, as a multiple of what is usual (10)\n"
             "  trigger.outstanding   queries of 2 s without an answer, if they are at least\n"
             "                        half of all (200)\n"
             "  trigger.no_such_name  answers that say so, in per cent, while it is asked three\n"
             "                        times as much as is usual (75)\n"
             "Any key takes default, a trigger also off.\n" EVERY_VLAN,
     .handle = cmd_profiles_set},
    {.name = "learn",
     .forms = {"on|off [--json] [--control SOCKET]", "--pcap FILE [--store FILE] [--json]"},
     .most_words = 1,
     .options = DAEMON_OPTIONS | OPTION_BIT(PCAP) | OPTION_BIT(STORE),
     .summary = "switch learning on or off; learn from a capture",
     .help = "With --pcap a capture is learned into a store (made if missing), without a daemon\n"
             "and without being root. A daemon that uses the same store would overwrite it:\n"
             "learn into another file, then `synward profiles import` that.\n",
     .handle = cmd_learn},
    {.name = "mode",
     .forms = {"[auto|normal|attack] [SERVER[:PORT]] " TABLE_FORM},
     .most_words = 2,
     .options = TABLE_OPTIONS,
     .summary = "show or set the mode, for all servers or for one",
     .help = "  auto    each server is protected while it is attacked\n"
             "  normal  frames pass untouched, servers are learned\n"
             "  attack  only proved connections reach the servers\n"
             "A server keeps a mode of its own until `synward mode default SERVER` gives it\n"
             "back to the mode for all. What is said here is kept over a restart (the mode for\n"
             "all where `run` is given none). It is in force when the command returns; a server\n"
             "that is given back to auto in attack mode stays there until it was quiet for 30 "
             "s.\n" SERVER_FORMS,
     .handle = cmd_mode},
    {.name = "flows",
     .forms = {TABLE_FORM},
     .options = TABLE_OPTIONS,
     .summary = "the connections that are followed",
     .help = "STATE is\n"
             "  half-open    SYN seen, handshake not completed\n"
             "  picked-up    only the server's side of it was heard so far\n"
             "  established  passes without change\n"
             "  asking       the server side asks for a connection\n"
             "  outbound     one that the server side opened\n"
             "  kept         the beginning of a request is here, the server is not asked yet\n"
             "  opening      proved, the server is being asked\n"
             "  greeting     opened, the server's own greeting is awaited\n"
             "  draining     what we acknowledged goes to the server, as its window lets it\n"
             "  spliced      both halves joined\n"
             "  closing      over, remembered for late segments\n"
             "DELTA is what is added to the server's sequence numbers where both halves were\n"
             "joined; 0 where the server's own TCP made the connection (--hook).\n",
     .handle = cmd_flows},
    {.name = "sources",
     .forms = {TABLE_FORM},
     .options = TABLE_OPTIONS,
     .summary = "client addresses that are put aside, limited or allowed",
     .help = "Put aside is who sends wrong requests and hardly any right ones: its SYNs to\n"
             "attacked servers are dropped, for a minute at first. Limited is an address with\n"
             "many wrong requests and many right ones. BY says whether synward judged so: then\n"
             "it holds for the address as it comes by that MAC, in that VLAN. A host beside\n"
             "you that uses the address of another is put aside, the other is not.\n"
             "`synward sources remove` also forgets a judgement.\n",
     .handle = cmd_sources},
    {.name = "sources add",
     .forms = {"ADDRESS[/LENGTH] [--for SECONDS] " TABLE_FORM},
     .least_words = 1,
     .most_words = 1,
     .options = TABLE_OPTIONS | OPTION_BIT(FOR),
     .summary = "put an address or prefix aside",
     .help = "Its SYNs are dropped, to every server and in every mode; connections that are\n"
             "open stay. Where prefixes overlap the longest counts.\n",
     .handle = cmd_sources_add},
    {.name = "sources allow",
     .forms = {"ADDRESS[/LENGTH] " TABLE_FORM},
     .least_words = 1,
     .most_words = 1,
     .options = TABLE_OPTIONS,
     .summary = "never put this address or prefix aside",
     .handle = cmd_sources_allow},
    {.name = "sources proxy",
     .forms = {"ADDRESS[/LENGTH] " TABLE_FORM},
     .least_words = 1,
     .most_words = 1,
     .options = TABLE_OPTIONS,
     .summary = "believe the PROXY headers of this load balancer",
     .help = "Its own address is never put aside or limited; the client addresses that its PROXY\n"
             "headers (version 1 or 2) name are judged and limited in its place. Of all others\n"
             "such a header is a client's word, and only the request behind it is looked at.\n",
     .handle = cmd_sources_proxy},
    {.name = "sources remove",
     .forms = {"ADDRESS[/LENGTH] " TABLE_FORM},
     .least_words = 1,
     .most_words = 1,
     .options = TABLE_OPTIONS,
     .summary = "forget what was said or judged of an address or prefix",
     .handle = cmd_sources_remove},
    {.name = "sources import",
     .forms = {"NAME FILE [--json] [--control SOCKET]"},
     .least_words = 2,
     .most_words = 2,
     .options = DAEMON_OPTIONS,
     .summary = "put all prefixes of a list aside",
     .help = "FILE has an address or prefix a line, up to a million; # and ; begin comments;\n"
             "- is stdin. It takes the place of what had this NAME before, all of it or\n"
             "nothing, and is kept over a restart; an empty FILE takes the list away. 16 lists\n"
             "are kept. SYNs of what is in a list are dropped, to every server and in every\n"
             "mode; `synward sources allow` of an address or prefix counts before.\n",
     .handle = cmd_sources_import},
    {.name = "detach",
     .forms = {"SIDE [SIDE]"},
     .least_words = 1,
     .most_words = 2,
     .summary = "remove what a synward has left on a port, or in a namespace",
     .help = "Opens a wire that was cut by a kill, where no synward is to be started again:\n"
             "the tc filters go, and a port that was down is down again. Of a netns: side the\n"
             "card goes, with its addresses, where it is a veth end (--card). SIDE is written as\n"
             "in `synward run`. Where nothing is left nothing is done; where a synward runs it\n"
             "is refused.\n",
     .handle = cmd_detach},
    {.name = "rehearse",
     .forms = {"[SERVER[:PORT]] [--for TIME] " TABLE_FORM,
               "[SERVER[:PORT]] --pcap FILE [--store FILE] [--json | --tsv] [--output COLUMNS]"},
     .most_words = 1,
     .options = TABLE_OPTIONS | OPTION_BIT(FOR) | OPTION_BIT(PCAP) | OPTION_BIT(STORE),
     .summary = "what attack mode would have refused, and why",
     .help = "In calm the first request of each connection that synward learns from is judged\n"
             "as attack mode would judge it, by the profile of that moment; nothing is refused.\n"
             "Told is how many would be, for which reason, how many of these the server\n"
             "accepted, and the last example of each. --for looks back so far, a day at most.\n"
             "With --pcap a capture is judged by the profiles of a store (--store), and neither\n"
             "is changed.\n" SERVER_FORMS,
     .handle = cmd_rehearse},
    {.name = "doctor",
     .forms = {"[--inline IFNAME[@NETNS] | [--client SIDE] [--server SIDE]] [--cluster-key FILE] "
               "[--redis URL] [--name CLUSTER] [--password-file FILE] [--config FILE] [--json]"},
     .options = OPTION_BIT(CLIENT) | OPTION_BIT(SERVER) | OPTION_BIT(INLINE) |
                OPTION_BIT(CLUSTER_KEY) | OPTION_BIT(REDIS) | OPTION_BIT(NAME) |
                OPTION_BIT(PASSWORD_FILE) | OPTION_BIT(CONFIG) | OPTION_BIT(JSON),
     .summary = "what would keep synward from starting, and what helps",
     .help = "Looks at the machine, and at the sides that you mean to give `synward run`;\n"
             "nothing is changed. Each finding is `ok`, a `note` (it runs all the same, less\n"
             "well or not as one would think) or `wrong` (it would not start, or the host would\n"
             "lose its network), with a remedy behind >. The exit code is 1 where something is\n"
             "wrong. With --cluster-key or --redis it looks at what several bridges need, too:\n"
             "a clock that is kept right, the key file, a store that answers.\n",
     .handle = cmd_doctor},
    {.name = "stats",
     .forms = {"[SERVER[:PORT]] " TABLE_FORM},
     .most_words = 1,
     .options = TABLE_OPTIONS,
     .summary = "counters of all that passes, or the figures of one server",
     .help = "Without SERVER: frames, cookies, requests, flows, sources, drops. With one: its\n"
             "SYNs, cookies and connections since the start, what was refused and why, and how\n"
             "long it took from a proved request to the open connection. What the kernel\n"
             "carries (--kernel-path) is not among a server's frames.\n" SERVER_FORMS,
     .handle = cmd_stats},
    {.name = "metrics",
     .forms = {"[--control SOCKET]"},
     .options = OPTION_BIT(CONTROL),
     .summary = "the same figures and those of servers, for Prometheus",
     .help = "The text format that Prometheus scrapes. The names are those of `synward stats`:\n"
             "flows.opened is synward_flows_opened_total, drops.no_room is\n"
             "synward_drops_total{reason=\"no_room\"}. A server is a label, up to 1,000 of them;\n"
             "a client never is. For the textfile collector of node_exporter:\n"
             "  synward metrics >synward.prom.new && mv synward.prom.new synward.prom\n",
     .handle = cmd_metrics},
    {.name = "top",
     .forms = {"[--once] [--control SOCKET]"},
     .options = OPTION_BIT(CONTROL) | OPTION_BIT(ONCE),
     .summary = "the servers in a terminal, by what is happening",
     .help = "Attacked servers first, then by SYNs a second. Each second anew: SYN/S with those\n"
             "of the last seconds, HALF half-open connections, ADMIT and REFUSE a second,\n"
             "CAUSE of the attack mode. From 120 columns on also SPLICE, connections that are\n"
             "spliced now, and P99 of the time from a proved request to the open connection.\n"
             "Keys:\n"
             "  up, down, j, k, page up, page down   choose a server\n"
             "  Enter   that server, with the reasons for what was refused\n"
             "  o       sources that are put aside, limited or allowed\n"
             "  Esc     back to the servers\n"
             "  s       sort by something else\n"
             "  m       set the mode of the server that is chosen\n"
             "  q       end\n"
             "--once prints one frame, as wide and long as COLUMNS and LINES say (80 and 24).\n",
     .handle = cmd_top},
    {.name = "web",
     .forms = {"[--listen PLACE] [--token FILE] [--control SOCKET]"},
     .options = OPTION_BIT(CONTROL) | OPTION_BIT(LISTEN) | OPTION_BIT(TOKEN),
     .summary = "a page in the browser that shows what happens",
     .help = "Runs in the foreground, as a process of its own that can change nothing: it reads\n"
             "view.sock beside the control socket, has no privileges, and opens no file after\n"
             "its start. Attacked servers come first, with cause, what is refused and why, the\n"
             "last quarter of an hour, and events. /metrics is what `synward metrics` prints.\n"
             "\n"
             "By default it listens on web.sock beside the control socket, for the group synward\n"
             "where there is one; from elsewhere it is reached by\n"
             "  ssh -L 8080:/run/synward/web.sock HOST     then http://127.0.0.1:8080/\n"
             "At an address (only of this machine itself: 127.0.0.1, [::1]) clients need a\n"
             "token: that of --token, or one that is made at each start and told as part of the\n"
             "page's address. Programs send it as `Authorization: Bearer TOKEN`.\n",
     .handle = cmd_web},
    {.name = "watch",
     .forms = {"[--since NUMBER] [--kind KINDS] [--exec PROG | --json] [--control SOCKET]"},
     .options = DAEMON_OPTIONS | OPTION_BIT(SINCE) | OPTION_BIT(KIND) | OPTION_BIT(EXEC),
     .summary = "tell what happens, as it happens, until Ctrl-C",
     .help = "Switches of mode with their cause, greetings that changed, profiles armed and\n"
             "disarmed, sources put aside and released, the store, full tables, lost frames,\n"
             "sides that vanish and come back. With --json one object a line. Who reads too\n"
             "slowly is told how many events were lost.\n"
             "\n"
             "Events are numbered, also over a restart: --since NUMBER begins behind that one,\n"
             "as far as they are kept (the last 512 of the daemon that runs). KINDS are names\n"
             "with commas between: mode, setting, greeting, profile, source, store, table,\n"
             "overflow, side, learning, stack, server, slow, dead, config, cluster.\n"
             "With --exec PROG is run for each event, which it finds on stdin as one line of\n"
             "JSON: one after the other, and for 10 s at most, then it is killed. What it does\n"
             "not do well is told on stderr, and the next event has its turn.\n",
     .handle = cmd_watch},
    {.name = "help",
     .forms = {"[COMMAND]"},
     .most_words = 2,
     .summary = "list the commands, or explain one",
     .explain = cmd_help},
    {.name = "schema",
     .forms = {"[--json]"},
     .options = OPTION_BIT(JSON),
     .summary = "print the JSON schema of a store",
     .help = "Made from the table by which profiles are written and read, so that the three\n"
             "cannot differ. It asks no daemon. A store that fits it may still be refused:\n"
             "the order of a pattern's bytes, for one, is no matter of schemas.\n",
     .handle = cmd_schema},
    {.name = "support",
     .forms = {"FILE.tar.gz [--redact] [--control SOCKET]"},
     .least_words = 1,
     .most_words = 1,
     .options = OPTION_BIT(REDACT) | OPTION_BIT(CONTROL),
     .summary = "write what a bug report needs into one file",
     .help = "Versions, status, stats, profiles and sources of the daemon, the links of this\n"
             "machine, the log as the journal has it. With --redact each address is ipv4-N,\n"
             "ipv6-N or mac-N and each name name-N, the same wherever it stands: servers,\n"
             "clients, hosts, interfaces, namespaces, greetings and patterns. In the log names\n"
             "are found as far as the daemon and this machine know them. Look before you send.\n",
     .handle = cmd_support},
    {.name = "version",
     .forms = {""},
     .options = OPTION_BIT(JSON),
     .summary = "print the version",
     .handle = cmd_version},
    {.name = "completion",
     .forms = {"bash|zsh|fish"},
     .least_words = 1,
     .most_words = 1,
     .summary = "print a completion script for the shell",
     .help = "For this shell:\n"
             "  source <(synward completion bash)\n"
             "  source <(synward completion zsh)     after compinit\n"
             "  synward completion fish | source\n"
             "The scripts ask synward itself what may come next, and that asks the daemon for\n"
             "its servers.\n",
     .handle = cmd_completion},
    {.name = "complete",
     .forms = {"LINE"},
     .least_words = 1,
     .most_words = 1,
     .hidden = true,
     .summary = "what may come at the end of a line (completion scripts)",
     .explain = cmd_complete},
    {.name = "manual",
     .forms = {"synopsis|commands|options|keys|settings"},
     .least_words = 1,
     .most_words = 1,
     .hidden = true,
     .summary = "parts of the manual page (the build)",
     .explain = cmd_manual},
};

_Static_assert(sizeof(commands) / sizeof(commands[0]) <= COMMANDS_MOST,
               "whoever lists names has room for all");

static const struct command_table table = {commands, sizeof(commands) / sizeof(commands[0])};

const struct command_table *commands_all(void)
{
    return &table;
}
