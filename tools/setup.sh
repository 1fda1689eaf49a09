#!/usr/bin/env bash
# Installs what is missing for: build, engine, nginx, test, lint, fuzz. As root by apt-get; otherwise says the command.
. "$(dirname "$0")/common.sh"

missing=()
need () {                                   # need PACKAGE COMMAND: the package, unless the command is there
  command -v "$2" > /dev/null || missing+=("$1")
}
is_installed () {
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null) == installed ]]
}
need_package () { is_installed "$1" || missing+=("$1"); }

need_nginx () {
  [[ -x /usr/sbin/nginx ]] || missing+=(nginx)
  need_package libnginx-mod-http-lua
  need curl curl
}

command -v dpkg-query > /dev/null || \
  die "only Debian and its relatives are set up by themselves; the packages are listed in tools/setup.sh"

need gcc gcc
need make make
need pkg-config pkg-config
need lua5.4 lua5.4
# Debian has two LuaJITs, of which only one can be installed. nginx's Lua comes with luajit2; else either will do.
luajit=luajit2
[[ " $* " == *" test "* || " $* " == *" nginx "* ]] || ! is_installed libluajit-5.1-dev || luajit=luajit
for package in libc6-dev liblua5.4-dev "$luajit" "lib$luajit-5.1-dev" \
  libcurl4-openssl-dev libssl-dev zlib1g-dev lua-cjson; do
  need_package "$package"
done

engines=${ENGINES:-dynoxide}
for want in "$@"; do
  case $want in
    build) ;;
    engine)
      if [[ -z ${ENDPOINT:-} ]]; then
        [[ $engines == dynoxide && -x cache/dynoxide/dynoxide ]] || need npm npm
        [[ $engines != *dynalite* ]] || need nodejs node
        [[ $engines != *dynamodb-local* ]] || { need openjdk-17-jre-headless java; need iproute2 ip; }
      fi
      ;;
    test)
      need luarocks luarocks
      need openssl openssl
      need_nginx
      need_package lua-busted
      need_package lua-socket
      need_package lua-argparse
      need tmux tmux
      ;;
    lambda)
      need zip zip
      need unzip unzip
      need python3-pip pip                     # brings Amazon's emulator, linter and translator
      need procps ps                           # @vercel/fun ends its functions with it
      need binutils readelf
      need gcc-aarch64-linux-gnu aarch64-linux-gnu-gcc
      need qemu-user qemu-aarch64
      need_package libc6-dev-arm64-cross
      ;;
    nginx) need_nginx ;;
    lint)
      need lua-check luacheck
      need clang-format clang-format
      need cppcheck cppcheck
      ;;
    fuzz)
      need clang clang
      need_package libclang-rt-dev                # libFuzzer and the sanitizers; clang only recommends it
      ;;
    *) die "setup for what? build, engine, nginx, test, lambda, lint or fuzz" ;;
  esac
done

[[ ${#missing[@]} -gt 0 ]] || exit 0
if [[ $(id -u) != 0 ]]; then
  printf 'Some packages are missing. Run this, then try again:\n\n  %s\n\n' \
    "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends ${missing[*]}'" >&2
  exit 1
fi

say "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
options=(-qq -o DPkg::Lock::Timeout=500 -o Dpkg::Use-Pty=0)
policy=/usr/sbin/policy-rc.d
if [[ ${missing[*]} == *nginx* && ! -e $policy ]]; then      # it is for the specs: do not start it as a service
  trap 'rm -f "$policy"; stop_all 2> /dev/null' EXIT
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi
attend apt-get "${options[@]}" update
attend apt-get "${options[@]}" install -y --no-install-recommends "${missing[@]}" > /dev/null
