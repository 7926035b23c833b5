# SPDX-License-Identifier: GPL-2.0-or-later
# The fuzz targets, with clang and sanitizers, in a tree of their own below BUILD: what is the same for all of them is built
# once, by the rules of the Makefile that includes this.

FUZZ          := $(BUILD)/fuzz
FUZZ_TARGETS  := frame dns tcp_options engine greeting requests store capture texts
FUZZ_PROGRAMS := $(FUZZ_TARGETS:%=$(BUILD)/fuzz_%) $(BUILD)/random_inputs $(BUILD)/seeds
FUZZ_PARTS    := $(patsubst %.c,$(BUILD)/%.o,tests/fuzz/scene.c tests/sim/packet.c tests/sim/path.c tests/engine/support_frames.c tests/engine/support_udp.c bridge/io/busy_poll.c bridge/text/config.c \
                   bridge/text/mode_text.c bridge/text/server_text.c)
FUZZ_SANITIZE := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

.PHONY: fuzz-build fuzz-programs
# Without clang and its fuzzer nothing is built, and tests/fuzz/run.sh says so.
fuzz-build:
	@mkdir -p $(FUZZ)
	@! echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | \
		clang -fsanitize=fuzzer,address -x c -o $(FUZZ)/probe - 2>$(FUZZ)/probe.log || \
	$(MAKE) --no-print-directory -j$(JOBS) BUILD=$(FUZZ) CC=clang OPT="-O1 -g" SANITIZE="$(FUZZ_SANITIZE)" fuzz-programs

fuzz-programs: $(FUZZ_PROGRAMS)

# The objects that a target needs come out of archives, so that all of them link with one rule.
$(BUILD)/libfuzz.a: $(FUZZ_PARTS)
$(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/libfuzz.a $(LIB_profiles)
	$(Q)$(CC) $(SANITIZE) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(ALL_LDLIBS)

$(BUILD)/random_inputs $(BUILD)/seeds: $(BUILD)/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/libfuzz.a $(LIB_profiles)
	$(Q)$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(ALL_LDLIBS)

.SECONDARY: $(FUZZ_TARGETS:%=$(BUILD)/tests/fuzz/fuzz_%.o)
