# The developer's Makefile; users install with LuaRocks (rockspec/). `make help` lists the targets.
#
#   make LUAS="5.4 luajit"   build for these only          make FLAVOUR=asan   build with ASan + UBSan in build/asan
.DELETE_ON_ERROR:
.SECONDARY:

CC ?= gcc
CLANG ?= clang
BUILD := build
FLAVOUR ?= plain
FUZZ_SECONDS ?= 60
PREFIX ?= /usr/local

CSTD := -std=c11 -D_DEFAULT_SOURCE -Icsrc
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
  -Wformat=2 -Wundef -Wvla
CFLAGS ?= -O2 -g
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

ifeq ($(FLAVOUR),asan)
  OUT := $(BUILD)/asan
  override CFLAGS := -O1 -g $(SANITIZE)
  override LDFLAGS += $(SANITIZE)
else
  OUT := $(BUILD)
endif
# Commands are shown short; `make V=1` shows them whole.
quiet = $(if $(V),,@echo "  $(1) $@";)
COMPILE = $(call quiet,CC)$(CC) $(CSTD) $(WARNINGS) $(CFLAGS) -fPIC -MMD -MP

# Where the headers of each Lua are; LUA_INCLUDE_5.4=/elsewhere (and so on) on the command line wins.
package_headers = $(patsubst -I%,%,$(firstword $(filter -I%,$(shell pkg-config --cflags $(1) 2>/dev/null))))
headers = $(firstword $(foreach p,$(1),$(call package_headers,$(p))) \
  $(patsubst %/lua.h,%,$(wildcard $(foreach d,/usr/include /usr/local/include,$(foreach n,$(2),$(d)/$(n)/lua.h)))))
LUA_INCLUDE_5.4 ?= $(call headers,lua5.4 lua54 lua-5.4,lua5.4 lua-5.4)
LUA_INCLUDE_5.3 ?= $(call headers,lua5.3 lua53 lua-5.3,lua5.3 lua-5.3)
LUA_INCLUDE_luajit ?= $(call headers,luajit,luajit-2.1)
$(foreach v,5.4 5.3 luajit,$(eval LUA_INCLUDE_$(v) := $(LUA_INCLUDE_$(v))))
LUAS ?= $(foreach v,5.4 luajit 5.3,$(if $(LUA_INCLUDE_$(v)),$(v)))

ENGINE := $(wildcard csrc/engine/*.c)
BIND := $(wildcard csrc/bind/*.c)
CURL := $(wildcard csrc/curl/*.c)
SYSTEM := $(wildcard csrc/system/*.c)
ENGINE_OBJECTS := $(ENGINE:csrc/%.c=$(OUT)/objects/%.o)
CURL_ENGINE := $(OUT)/objects/engine/buffer.o $(OUT)/objects/engine/http_request.o
SYSTEM_ENGINE := $(OUT)/objects/engine/buffer.o
MODULES := $(foreach v,$(LUAS),$(foreach m,core curl system,$(OUT)/$(v)/dynamodb/$(m).so))
UNITS := $(patsubst spec/engine/%.c,$(BUILD)/asan/unit/%,$(wildcard spec/engine/*.c))

##  all      build build/<lua>/dynamodb/{core,curl,system}.so for each Lua whose headers are found (the default)
all: $(if $(strip $(LUAS)),$(MODULES),no-lua)

no-lua:
	@echo "No Lua headers found: run tools/setup.sh, or give LUA_INCLUDE_5.4= or LUA_INCLUDE_luajit=." >&2; exit 1

$(OUT)/objects/engine/%.o: csrc/engine/%.c
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

# One Lua: its bindings and its three modules. The engines do not know Lua and are compiled once.
define one_lua
$(OUT)/objects/$(1)/%.o: csrc/%.c
	@mkdir -p $$(@D)
	$$(COMPILE) -isystem $$(LUA_INCLUDE_$(1)) -c -o $$@ $$<

$(OUT)/$(1)/dynamodb/core.so: $(BIND:csrc/%.c=$(OUT)/objects/$(1)/%.o) $(ENGINE_OBJECTS)
	@mkdir -p $$(@D)
	$$(call quiet,LD)$$(CC) -shared $$(LDFLAGS) -o $$@ $$^ -lcrypto -lz -lm

$(OUT)/$(1)/dynamodb/curl.so: $(CURL:csrc/%.c=$(OUT)/objects/$(1)/%.o) $(CURL_ENGINE)
	@mkdir -p $$(@D)
	$$(call quiet,LD)$$(CC) -shared $$(LDFLAGS) -o $$@ $$^ -lcurl

$(OUT)/$(1)/dynamodb/system.so: $(SYSTEM:csrc/%.c=$(OUT)/objects/$(1)/%.o) $(SYSTEM_ENGINE)
	@mkdir -p $$(@D)
	$$(call quiet,LD)$$(CC) -shared $$(LDFLAGS) -o $$@ $$^

$(BUILD)/bench/$(1)/floor.so: bench/floor.c
	@mkdir -p $$(@D)
	$$(COMPILE) -isystem $$(LUA_INCLUDE_$(1)) -shared -o $$@ $$< -lcrypto
endef
$(foreach v,$(LUAS),$(eval $(call one_lua,$(v))))

# The executable of a Lambda function: Lua 5.4, the library's native modules and its Lua modules in one ELF, which needs
# nothing but libc: what is exported is Lua's API, for native modules of the function's own.
ifeq ($(ARCH),arm64)
  LAMBDA := $(OUT)/lambda-arm64
  LAMBDA_CC := aarch64-linux-gnu-gcc
  LAMBDA_ROOT := cache/arm64/usr
  LAMBDA_LIBRARIES := $(LAMBDA_ROOT)/lib/aarch64-linux-gnu
else
  LAMBDA := $(OUT)/lambda
  LAMBDA_CC := $(CC)
endif
LAMBDA_INCLUDE := $(if $(LAMBDA_ROOT),$(patsubst %,-isystem $(LAMBDA_ROOT)/include/%,aarch64-linux-gnu lua5.4 .),\
  -isystem $(LUA_INCLUDE_5.4))
LAMBDA_SOURCES := $(ENGINE) $(BIND) $(CURL) $(SYSTEM) $(wildcard csrc/bootstrap/*.c)
LAMBDA_OBJECTS := $(LAMBDA_SOURCES:csrc/%.c=$(LAMBDA)/objects/%.o) $(LAMBDA)/modules.o
lambda_library = $(if $(LAMBDA_ROOT),$(LAMBDA_LIBRARIES)/$(1),-l:$(1))

##  lambda   build/lambda/bootstrap and bootstrap.zip, for provided.al2023; ARCH=arm64 in build/lambda-arm64
lambda: $(LAMBDA)/bootstrap.zip

$(LAMBDA)/objects/%.o: csrc/%.c $(if $(LAMBDA_ROOT),$(LAMBDA_LIBRARIES)/liblua5.4.a)
	@mkdir -p $(@D)
	$(call quiet,CC)$(LAMBDA_CC) $(CSTD) $(WARNINGS) $(CFLAGS) $(LAMBDA_INCLUDE) -fPIC -MMD -MP -c -o $@ $<

$(LAMBDA)/modules.c: tools/embed.lua $(shell find lua -name '*.lua')
	@mkdir -p $(@D)
	$(call quiet,LUA)lua5.4 tools/embed.lua $(LAMBDA)/modules

$(LAMBDA)/modules.o: $(LAMBDA)/modules.c
	$(call quiet,CC)$(LAMBDA_CC) $(CSTD) $(CFLAGS) -fPIC -c -o $@ $<

$(LAMBDA)/bootstrap: $(LAMBDA_OBJECTS) csrc/bootstrap/exports.list
	$(call quiet,LD)$(LAMBDA_CC) $(LDFLAGS) $(if $(filter plain,$(FLAVOUR)),-s) -o $@ $(LAMBDA_OBJECTS) \
	  -Wl,--dynamic-list=csrc/bootstrap/exports.list -Wl,--whole-archive $(call lambda_library,liblua5.4.a) \
	  -Wl,--no-whole-archive $(call lambda_library,libz.a) -lm -ldl

$(LAMBDA)/bootstrap.zip: $(LAMBDA)/bootstrap tools/lambda.sh
	@FLAVOUR=$(FLAVOUR) tools/lambda.sh $<

cache/arm64/usr/lib/aarch64-linux-gnu/liblua5.4.a:
	@tools/lambda.sh arm64

##  demo     install what is missing, build, start an engine on loopback, run examples/tour.lua, stop it
demo:
	@tools/demo.sh

##  test     the same set-up, then every spec under every Lua against a real engine (SCALE=1)
test:
	@tools/test.sh

##  proof    the same specs with ten times the numbers
proof:
	@SCALE=10 tools/test.sh

##  unit     the C unit tests of the engines, under ASan and UBSan
unit:
	@$(MAKE) --no-print-directory FLAVOUR=asan unit-build
	@tools/unit.sh $(UNITS)

unit-build: $(UNITS)

$(BUILD)/asan/unit/%: spec/engine/%.c $(ENGINE_OBJECTS)
	@mkdir -p $(@D)
	$(COMPILE) $(LDFLAGS) -o $@ $< $(ENGINE_OBJECTS) -lcrypto -lz -lm

##  asan     every spec under ASan, UBSan and an aggressive collector
asan:
	@FLAVOUR=asan LUAS="$(filter-out 5.3,$(LUAS))" tools/test.sh

##  fuzz     each target of spec/fuzz for FUZZ_SECONDS (60) with libFuzzer, ASan and UBSan; corpus in cache/fuzz
fuzz:
	@tools/fuzz.sh

##  lint     luacheck, clang-format, cppcheck, both Luas' parsers, line lengths, rockspec in step with the tree
lint:
	@tools/lint.sh

##  format   lay out the C sources (.clang-format)
format:
	@clang-format -i $(sort $(wildcard csrc/*.h csrc/*/*.[ch] spec/engine/*.[ch] spec/fuzz/*.[ch] spec/support/*.[ch]))

##  bench    the measured ratios
bench: all lambda $(LUAS:%=$(BUILD)/bench/%/floor.so) $(BUILD)/bench/server $(BUILD)/bench/lambda_api
	@tools/bench.sh

$(BUILD)/bench/server: bench/server.c
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $<

$(BUILD)/bench/lambda_api: bench/lambda/api.c
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $<

##  docs     docs/reference.md from the docstrings
docs:
	@lua5.4 tools/docs.lua

##  rockspec rewrite the module lists of rockspec/ from the tree
rockspec:
	@lua5.4 tools/rockspec.lua

##  rock     prove the rocks: lint, make, pack, serve, install, load, exports
rock:
	@tools/rock.sh

##  install  copy modules and the command for LUA=5.4 (or luajit, 5.3) below PREFIX (/usr/local)
LUA ?= 5.4
LUA_ABI = $(if $(filter luajit,$(LUA)),5.1,$(LUA))
INTERPRETER = $(if $(filter luajit,$(LUA)),luajit,lua$(LUA))
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/lua/$(LUA_ABI)
	install -d $(DESTDIR)$(PREFIX)/lib/lua/$(LUA_ABI)/dynamodb
	cp -R lua/. $(DESTDIR)$(PREFIX)/share/lua/$(LUA_ABI)/
	install -m 755 $(BUILD)/$(LUA)/dynamodb/*.so $(DESTDIR)$(PREFIX)/lib/lua/$(LUA_ABI)/dynamodb/
	sed '1s|.*|#!/usr/bin/env $(INTERPRETER)|' bin/dynamodb > $(DESTDIR)$(PREFIX)/bin/dynamodb
	chmod 755 $(DESTDIR)$(PREFIX)/bin/dynamodb

##  clean    remove build/ (cache/ keeps downloads and fuzz corpora)
clean:
	rm -rf $(BUILD)

help:
	@echo "Targets:"; sed -n 's/^##//p' $(MAKEFILE_LIST)

.PHONY: all no-lua lambda demo test proof unit unit-build asan fuzz lint format bench docs rockspec rock install clean \
  help
-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
