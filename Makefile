# SPDX-License-Identifier: GPL-2.0-or-later
# synward. `make` builds build/synward; `make help` lists the rest.

BUILD    ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
PREFIX   ?= /usr/local
DESTDIR  ?=
OPT      ?= -O2 -g
SANITIZE ?=
V        ?= 0
JOBS     ?= $(shell nproc)
Q        := $(if $(filter 0,$(V)),@)
SAY      ?= echo

# What Debian 12 calls the things that are needed, beyond what every system has (bash, coreutils,
# dpkg, ldd, mount, unshare): to compile; for `make check` and `make demo`; for the virtual machines
# of `make check`; for `make bench`; for `make lint`. tests/fresh.sh finds out what is missing.
#   iproute2: ip, tc, ss, nstat   procps: sysctl   nftables: nft   binutils: readelf
#   openssl: the command          valgrind: the engine's instructions
#   clang, libclang-rt-14-dev: BPF programs, fuzz targets
#   libmicrohttpd-dev: its header, and the library that `synward web` loads
DEPS      := gcc make pkg-config clang libclang-rt-14-dev \
             liburing-dev libnl-route-3-dev libmnl-dev libjson-c-dev libsodium-dev nettle-dev \
             libpcap-dev libbpf-dev libsmartcols-dev libseccomp-dev libinih-dev libarchive-dev \
             libncurses-dev libhiredis-dev libmicrohttpd-dev libcriterion-dev \
             iproute2 procps nftables ethtool openssl curl python3 binutils valgrind \
             scdoc debootstrap ca-certificates tmux
DEPS_VM   := qemu-system-x86
DEPS_MORE := zsh fish
DEPS_BROWSER := chromium chromium-driver python3-selenium fonts-dejavu-core
DEPS_DEB  := debhelper dpkg-dev lintian
DEPS_BENCH := wrk iperf3 git
DEPS_LINT := clang-format clang-tidy cppcheck black git

PACKAGES := liburing libnl-route-3.0 libmnl json-c hiredis libsodium nettle libpcap libbpf smartcols libseccomp inih \
            ncursesw
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Werror
# Looked up when a recipe runs, so that `make deps` may come first in the same run.
PKG_CFLAGS = $(shell pkg-config --cflags $(PACKAGES))
PKG_LIBS   = $(shell pkg-config --libs $(PACKAGES))
ALL_CFLAGS = -std=gnu11 $(OPT) $(WARNINGS) -fno-strict-aliasing -pthread -D_GNU_SOURCE -I. $(PKG_CFLAGS) \
             $(SANITIZE) $(CPPFLAGS) $(CFLAGS)
ALL_LDLIBS = $(PKG_LIBS) -pthread $(LDLIBS)

# One archive per folder, so that each part, and each test program, links only what it may include.
ENGINE_SRC   := $(wildcard engine/*.c engine/*/*.c)
PROFILES_SRC := $(wildcard profiles/*.c profiles/*/*.c)
BRIDGE_SRC   := $(filter-out %.bpf.c,$(wildcard bridge/*.c bridge/*/*.c))
CLI_SRC      := $(filter-out cli/main.c,$(wildcard cli/*.c cli/*/*.c))
SOURCES      := $(ENGINE_SRC) $(PROFILES_SRC) $(BRIDGE_SRC) $(CLI_SRC) cli/main.c
LIB_engine   := $(BUILD)/libengine.a
LIB_profiles := $(BUILD)/libprofiles.a $(LIB_engine)
LIB_bridge   := $(BUILD)/libbridge.a $(LIB_profiles)
LIB_cli      := $(BUILD)/libcli.a $(LIB_bridge)
SERVERS := $(patsubst tests/servers/%.c,$(BUILD)/tests/servers/%,$(wildcard tests/servers/*.c))
UNITS   := $(BUILD)/tests/unit-engine $(BUILD)/tests/unit-profiles $(BUILD)/tests/unit-bridge $(BUILD)/tests/unit-cli
SIM     := $(BUILD)/tests/simulator
BENCH   := $(BUILD)/tests/bench/engine-bench $(BUILD)/tests/bench/check-bench
ORACLE  := $(BUILD)/tests/oracle/oracle
LOADS   := $(BUILD)/tests/bench/load $(BUILD)/tests/bench/reflector
C_FILES  = $(shell git ls-files -co --exclude-standard '*.c' '*.h')

.PHONY: all help man servers deb package-test package-test-vm deps-deb deps-more deps-browser fresh oracle interop redteam instructions fuzz soak soak-wire deps deps-bench deps-lint \
        deps-vm vm check check-more check-root check-other check-vm check-prometheus check-stunnel check-unit demo cluster-demo bench bench-quick bench-attack sanitize install clean root \
        lint lint-format lint-lines lint-gcc lint-clang lint-tidy lint-cppcheck
all: $(BUILD)/synward man

help:
	@sed -n 's/^#: //p' Makefile

#: make            builds build/synward
$(BUILD)/synward: $(BUILD)/cli/main.o $(LIB_cli)
	$(Q)$(SAY) "LINK $@"
	$(Q)$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(ALL_LDLIBS)

# Manual pages and completion are told by the program itself, out of its table of commands.
MAN        := $(patsubst doc/man/%.scd,$(BUILD)/man/%,$(wildcard doc/man/*.scd))
COMPLETION := $(addprefix $(BUILD)/completion/,bash zsh fish)
man: $(MAN) $(COMPLETION)
$(BUILD)/man/%: doc/man/%.scd doc/man/frame.sh $(BUILD)/synward
	@mkdir -p $(@D)
	@sh doc/man/frame.sh $(BUILD)/synward $< >$@.scd
	@scdoc <$@.scd >$@.new && mv $@.new $@
$(COMPLETION): $(BUILD)/completion/%: $(BUILD)/synward
	@mkdir -p $(@D)
	@$< completion $* >$@.new && mv $@.new $@

$(BUILD)/libengine.a: $(ENGINE_SRC:%.c=$(BUILD)/%.o)
$(BUILD)/libprofiles.a: $(PROFILES_SRC:%.c=$(BUILD)/%.o)
$(BUILD)/libbridge.a: $(BRIDGE_SRC:%.c=$(BUILD)/%.o)
$(BUILD)/libcli.a: $(CLI_SRC:%.c=$(BUILD)/%.o)
$(BUILD)/lib%.a:
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# Declarations stand first in what is installed.
$(SOURCES:%.c=$(BUILD)/%.o): WARNINGS += -Wdeclaration-after-statement

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(SAY) "CC   $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The program that steers frames into the queues of the TAPs, compiled for the kernel, carried in an object of ours.
STEER_OBJECT := $(BUILD)/bridge/bpf/steer.bpf.o
$(STEER_OBJECT): bridge/bpf/steer.bpf.c bridge/bpf/steer.h
	@mkdir -p $(@D)
	$(Q)$(SAY) "BPF  $<"
	$(Q)clang -target bpf -O2 -g -Wall -Wextra -Wshadow -Werror -I. -I/usr/include/$$($(CC) -print-multiarch) -c -o $@ $<
$(BUILD)/bridge/bpf/steering.o: $(STEER_OBJECT)
$(BUILD)/bridge/bpf/steering.o: CFLAGS += -DSTEER_OBJECT='"$(STEER_OBJECT)"'

# The programs that carry plain segments of known connections. Compare-and-swap is of BPF's third version.
CARRY_OBJECT := $(BUILD)/bridge/bpf/carry.bpf.o
$(CARRY_OBJECT): bridge/bpf/carry.bpf.c $(wildcard bridge/bpf/*.h bridge/bpf/freestanding/*.h) \
		$(wildcard engine/base/*.h engine/tcp/*.h)
	@mkdir -p $(@D)
	$(Q)$(SAY) "BPF  $<"
	$(Q)clang -target bpf -mcpu=v3 -ffreestanding -O2 -g -Wall -Wextra -Wshadow -Werror \
		-Ibridge/bpf/freestanding -I. -mllvm -inline-threshold=100000 -I/usr/include/$$($(CC) -print-multiarch) -c -o $@ $<
$(BUILD)/bridge/bpf/carrying.o: $(CARRY_OBJECT)
$(BUILD)/bridge/bpf/carrying.o: CFLAGS += -DCARRY_OBJECT='"$(CARRY_OBJECT)"'

# The programs that pass frames on while no worker is alive.
BYPASS_OBJECT := $(BUILD)/bridge/bpf/bypass.bpf.o
$(BYPASS_OBJECT): bridge/bpf/bypass.bpf.c $(wildcard bridge/bpf/*.h bridge/bpf/freestanding/*.h) \
		$(wildcard engine/base/*.h engine/tcp/*.h)
	@mkdir -p $(@D)
	$(Q)$(SAY) "BPF  $<"
	$(Q)clang -target bpf -mcpu=v3 -ffreestanding -O2 -g -Wall -Wextra -Wshadow -Werror \
		-Ibridge/bpf/freestanding -I. -mllvm -inline-threshold=100000 -I/usr/include/$$($(CC) -print-multiarch) -c -o $@ $<
$(BUILD)/bridge/bpf/bypassing.o: $(BYPASS_OBJECT)
$(BUILD)/bridge/bpf/bypassing.o: CFLAGS += -DBYPASS_OBJECT='"$(BYPASS_OBJECT)"'

# The program by which a server's own TCP makes connections of our cookies.
HOOK_OBJECT := $(BUILD)/bridge/bpf/hook.bpf.o
$(HOOK_OBJECT): bridge/bpf/hook.bpf.c bridge/bpf/hook.h engine/tcp/grant.h
	@mkdir -p $(@D)
	$(Q)$(SAY) "BPF  $<"
	$(Q)clang -target bpf -mcpu=v3 -ffreestanding -O2 -g -Wall -Wextra -Wshadow -Werror \
		-Ibridge/bpf/freestanding -I. -I/usr/include/$$($(CC) -print-multiarch) -c -o $@ $<
$(BUILD)/bridge/bpf/hooking.o: $(HOOK_OBJECT)
$(BUILD)/bridge/bpf/hooking.o: CFLAGS += -DHOOK_OBJECT='"$(HOOK_OBJECT)"'

# The page, carried in an object of ours.
$(BUILD)/cli/web/asset.o: $(wildcard cli/web/page.*) cli/web/icon.svg

#: make deps       installs what building and testing needs, from Debian's packages
deps:
	@sh tests/deps.sh $(DEPS)

deps-lint:
	@sh tests/deps.sh $(DEPS_LINT)

deps-bench:
	@sh tests/deps.sh $(DEPS_BENCH)

deps-vm:
	@sh tests/deps.sh $(DEPS_VM)

deps-deb:
	@sh tests/deps.sh $(DEPS_DEB)

deps-more:
	@sh tests/deps.sh $(DEPS_MORE)

#: make deps-browser  Chromium, for the tests of the page: without it they are skipped
deps-browser:
	@sh tests/deps.sh $(DEPS_BROWSER)

# Unit tests: one Criterion program per folder of tests/, one file per source. The simulator is one more.
define unit_program
$(BUILD)/tests/unit-$(1): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/$(1)/*.c tests/$(1)/*/*.c)) $(LIB_$(1))
	$$(Q)$$(SAY) "LINK $$@"
	$$(Q)$$(CC) $$(SANITIZE) $$(LDFLAGS) -o $$@ $$^ $$(ALL_LDLIBS) -lcriterion
endef
$(foreach folder,engine profiles bridge cli,$(eval $(call unit_program,$(folder))))

# Tests run for a moment, and take long to compile: -O1 is enough.
UNIT_TESTS := $(foreach folder,engine profiles bridge cli,$(wildcard tests/$(folder)/test_*.c tests/$(folder)/*/test_*.c))
$(UNIT_TESTS:%.c=$(BUILD)/%.o): OPT := -O1 -g

# What answers SYNs in the kernel is held against the engine in the engine's own worlds.
$(BUILD)/tests/unit-bridge: $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/engine/support_*.c))

$(SIM): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/sim/*.c)) $(LIB_engine)
	$(Q)$(SAY) "LINK $@"
	$(Q)$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(ALL_LDLIBS) -lcriterion

# What the instructions of the engine are counted with (tests/bench/instructions.py).
$(BUILD)/tests/bench/engine-bench: $(BUILD)/tests/engine/support_frames.o
.SECONDARY: $(BENCH:%-bench=%_bench.o)
$(BENCH): $(BUILD)/tests/bench/%-bench: $(BUILD)/tests/bench/%_bench.o $(LIB_engine)
	$(Q)$(SAY) "LINK $@"
	$(Q)$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ -lsodium -lnettle $(LDLIBS)

# The servers, clients and floods that the namespace tests and the demo use.
servers: $(SERVERS)
.SECONDARY: $(SERVERS:%=%.o)
$(BUILD)/tests/servers/%: $(BUILD)/tests/servers/%.o
	$(Q)$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ -pthread

# The kernel and the engine on the same odd frames (tests/oracle/oracle.c).
$(ORACLE): $(BUILD)/tests/oracle/oracle.o $(BUILD)/tests/engine/support_frames.o $(LIB_engine)
	$(Q)$(SAY) "LINK $@"
	$(Q)$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ -lsodium -lnettle $(LDLIBS)

ORACLE_MUTANTS ?= 1000000
#: make oracle     ORACLE_MUTANTS (1000000) odd frames, given to the kernel and to the engine, 1 % of them to the daemon too (as root)
oracle: deps
	@$(MAKE) --no-print-directory all $(ORACLE) $(SERVERS)
	@SYNWARD=$(BUILD)/synward python3 tests/net/test_oracle.py $(ORACLE_MUTANTS) $(ORACLE_SEED)

# What `make bench` loads the bridges with, and the floor that it compares them with.
$(LOADS): $(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o
	$(Q)$(SAY) "LINK $@"
	$(Q)$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ -luring -pthread

#: make check      the tests: unit, simulator, instruction counts, namespaces (as root)
check: deps
	@$(MAKE) --no-print-directory -j$$(($(JOBS) + 1)) check-root all $(UNITS) $(SIM) $(SERVERS) $(BENCH) $(ORACLE)
	@SYNWARD=$(BUILD)/synward sh tests/run.sh $(BUILD) all

#: make check-more what says the same in other forms, or for longer: several workers, virtual machines, small pages,
#:                 more random worlds, fuzz targets (as root)
check-more: deps deps-vm deps-more
	@$(MAKE) --no-print-directory -j$$(($(JOBS) + 1)) check-root check-vm check-prometheus check-stunnel check-other all $(SERVERS) $(SIM) \
		$(BUILD)/tests/unit-bridge $(BUILD)/tests/unit-profiles
	@$(MAKE) --no-print-directory fuzz-build
	@SYNWARD=$(BUILD)/synward sh tests/run.sh $(BUILD) more

# What the namespace tests unpack, while the compiler works. What fails here is tried, and reported, again by who needs it.
check-root:
	@[ "$$(id -u)" != 0 ] || sh tests/root/make-root.sh $(BUILD)/root || true
# Unpacked, not installed: the package would start a Prometheus on this machine.
check-prometheus:
	@sh tests/root/unpack.sh $(BUILD)/prometheus prometheus || true
check-stunnel:
	@sh tests/root/unpack.sh $(BUILD)/stunnel stunnel4 || true
check-other: all
	@python3 tests/net/other_version.py $(BUILD)/other $(JOBS) >/dev/null || true
check-vm:
	@[ "$$(id -u)" != 0 ] || sh tests/vm/make-vm.sh $(BUILD)/vm || true

#: make interop    real servers, each with its own client, learned and then attacked, in a private root under build/ (as root)
interop: deps
	@$(MAKE) --no-print-directory -j$(JOBS) all $(SERVERS)
	@sh tests/root/make-root.sh $(BUILD)/interop-root interop
	@SYNWARD=$(BUILD)/synward python3 tests/net/run-all.py --interop

#: make redteam    slow clients beside honest ones of real web servers, in a private root under build/ (as root)
redteam: deps
	@$(MAKE) --no-print-directory -j$(JOBS) all $(SERVERS)
	@sh tests/root/make-root.sh $(BUILD)/redteam-root redteam
	@SYNWARD=$(BUILD)/synward python3 tests/net/run-all.py --redteam

#: make check-unit unit tests and the simulator only: no root needed
check-unit: all $(UNITS) $(SIM)
	@SYNWARD=$(BUILD)/synward sh tests/run.sh $(BUILD) unit

#: make instructions  instructions per frame of the engine, against their references and budgets
instructions: deps
	@$(MAKE) --no-print-directory $(BENCH)
	@python3 tests/bench/instructions.py $(firstword $(BENCH)) $(if $(UPDATE),--update)

#: make demo       shows the main job on real traffic, in namespaces (as root); REAL=1 with nginx and dovecot
demo: deps
	@$(MAKE) --no-print-directory $(if $(filter 0,$(V)),-s) all $(SERVERS)
	@REAL=$(REAL) SYNWARD=$(BUILD)/synward python3 tests/demo/demo.py

#: make cluster-demo  three bridges, one key file, Redis: a flood, one that joins, one that dies
cluster-demo: deps
	@$(MAKE) --no-print-directory $(if $(filter 0,$(V)),-s) all $(SERVERS)
	@SYNWARD=$(BUILD)/synward python3 tests/demo/cluster.py

#: make root       nginx, dovecot and the tools of the tests in a private root under build/
root: deps
	@sh tests/root/make-root.sh $(BUILD)/root

#: make vm         kernel and initramfs of the tests' virtual machines, under build/
vm: deps deps-vm
	@sh tests/vm/make-vm.sh $(BUILD)/vm

#: make fresh      the README's commands on a bare Debian of their own, under build/ (as root)
fresh: deps
	@sh tests/fresh.sh $(BUILD)/fresh

#: make lint       clang-format, black, line ends, gcc and clang over everything, clang-tidy, cppcheck;
#:                 prints findings only
lint: deps deps-lint
	@$(MAKE) --no-print-directory -k -j$$(nproc) -Otarget SAY=: lint-format lint-lines lint-gcc lint-clang lint-cppcheck

lint-format:
	@clang-format --dry-run --Werror $(C_FILES)
	@black --quiet --check --line-length 100 $(shell git ls-files -co --exclude-standard '*.py')

lint-lines:
	@python3 tests/lines.py

lint-gcc: all $(UNITS) $(SIM) $(SERVERS) $(BENCH) $(LOADS)

# The objects tell which sources, by their headers too, have changed since they were last looked at.
lint-clang:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/clang CC=clang all lint-tidy

lint-tidy: $(SOURCES:%.c=$(BUILD)/%.tidy) $(UNITS) $(SIM) $(SERVERS) $(BENCH) $(LOADS)

$(BUILD)/%.tidy: $(BUILD)/%.o .clang-tidy
	@clang-tidy --quiet $*.c -- -std=gnu11 -D_GNU_SOURCE -I. -DSTEER_OBJECT='"$(STEER_OBJECT)"' -DCARRY_OBJECT='"$(CARRY_OBJECT)"' -DBYPASS_OBJECT='"$(BYPASS_OBJECT)"' -DHOOK_OBJECT='"$(HOOK_OBJECT)"' $(PKG_CFLAGS) 2>$@.log || { cat $@.log; exit 1; }
	@touch $@

lint-cppcheck:
	@cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,performance,portability \
		--suppress=missingInclude --suppress=unknownMacro:bridge/bpf/carry.bpf.c --suppress=unknownMacro:bridge/bpf/bypass.bpf.c --suppress=unknownMacro:bridge/bpf/hook.bpf.c -I. engine profiles bridge cli

#: make sanitize   unit tests and simulator under ASan and UBSan
sanitize: deps
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/sanitize OPT="-O1 -g" \
		SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer" check-unit

FUZZ_SECONDS ?= 300
FUZZ_FRAMES  ?= 10000000
#: make fuzz       fuzz targets under ASan and UBSan, FUZZ_SECONDS (300) each, and FUZZ_FRAMES (10 million) random inputs
fuzz: deps fuzz-build
	@sh tests/fuzz/run.sh $(BUILD)/fuzz $(FUZZ_SECONDS) $(FUZZ_FRAMES)
include tests/fuzz/programs.mk

#: make bench-attack every attack of doc/threats.md that is made on the wire, measured (as root); WRITE=1 puts the tables into doc/attacks.md
bench-attack: deps
	@$(MAKE) --no-print-directory all $(SERVERS)
	@SYNWARD=$(BUILD)/synward python3 tests/bench/attack.py $(if $(filter 1,$(WRITE)),--write) $(BENCH_ARGS)

#: make bench      speed beside a kernel bridge, nft's synproxy and bare TAPs (as root); WRITE=1 renews doc/performance.md
#: make bench-quick  the same in 90 s: fewer rounds, fewer works
bench bench-quick: deps deps-bench
	@$(MAKE) --no-print-directory all $(SERVERS) $(LOADS)
	@SYNWARD=$(BUILD)/synward python3 tests/bench/speed.py $(if $(filter bench-quick,$@),--quick) $(if $(filter 1,$(WRITE)),--write) $(BENCH_ARGS)

SOAK_CONNECTIONS ?= 10000000
SOAK_FIRST       ?= 1
#: make soak       SOAK_CONNECTIONS (10000000) random connections in the simulator, from seed SOAK_FIRST (1) on
soak: $(SIM)
	@python3 tests/sim/soak.py $(SIM) $(SOAK_CONNECTIONS) $(SOAK_FIRST)

SOAK_S ?= 600
#: make soak-wire  SOAK_S (600) seconds of floods, modes that flip, imports and restarts, and clients none of whom may notice (as root)
soak-wire: deps
	@$(MAKE) --no-print-directory -j$(JOBS) all $(SERVERS)
	@SYNWARD=$(BUILD)/synward SOAK_S=$(SOAK_S) python3 tests/net/test_soak.py

#: make deb        Debian packages, under build/deb; lintian looks at them. DEB_BUILD_OPTIONS= runs the unit tests, too
deb: deps deps-deb
	@DEB_BUILD_OPTIONS="$${DEB_BUILD_OPTIONS-nocheck}" sh dist/deb.sh $(BUILD)/deb

#: make package-test  installs the package on a system that boots, attacks, kills, upgrades and purges it (as root)
package-test: deb
	@$(MAKE) --no-print-directory all $(SERVERS)
	@SYNWARD=$(BUILD)/synward python3 tests/package/test_package.py

#: make package-test-vm  the same in a virtual machine with Debian's kernel, which takes six to ten minutes, emulated (as root)
package-test-vm: deb deps-vm
	@$(MAKE) --no-print-directory all $(SERVERS)
	@SYNWARD=$(BUILD)/synward SYNWARD_PACKAGE_VM=1 python3 tests/package/test_package.py

# Where zsh looks: site-functions below /usr/local, and on Debian vendor-completions below /usr.
ZSH_FOLDER ?= $(if $(filter /usr/local,$(PREFIX)),site-functions,vendor-completions)
#: make install    into DESTDIR and PREFIX
install: all
	install -Dm755 $(BUILD)/synward $(DESTDIR)$(PREFIX)/sbin/synward
	@install -d $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)/etc/synward $(DESTDIR)/var/lib/synward
	@set -e; for page in $(MAN); do \
		install -Dm644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done
	@install -Dm644 $(BUILD)/completion/bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/synward
	@install -Dm644 $(BUILD)/completion/zsh $(DESTDIR)$(PREFIX)/share/zsh/$(ZSH_FOLDER)/_synward
	@install -Dm644 $(BUILD)/completion/fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/synward.fish
	set -e; for unit in synward synward-web synward-sync; do \
		sed 's,/usr/local/sbin,$(PREFIX)/sbin,' dist/$$unit@.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit@.service; done

#: make clean      removes build/
clean:
	rm -rf $(BUILD)

-include $(shell find $(foreach d,engine profiles bridge cli tests,$(BUILD)/$(d)) -name '*.d' -type f 2>/dev/null)
