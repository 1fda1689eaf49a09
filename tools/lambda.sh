#!/usr/bin/env bash
# The package of a Lambda function in Lua, for provided.al2023.
#
#   tools/lambda.sh FILE     check the bootstrap FILE against what al2023 has, and pack it into FILE.zip beside it
#   tools/lambda.sh arm64    unpack Debian's arm64 headers and libraries into cache/arm64, for the cross compiler
. "$(dirname "$0")/common.sh"

GLIBC=2.34                                   # of Amazon Linux 2023
LARGEST=$((1536 * 1024))                     # bytes of the zip

check () {                                   # check FILE: does it ask for no more than there is?
  local newest needed
  newest=$(readelf -W --dyn-syms "$1" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -uV | tail -n 1)
  [[ -n $newest && $(printf '%s\n' "$newest" "$GLIBC" | sort -V | tail -n 1) == "$GLIBC" ]] ||
    die "$1 needs glibc $newest; al2023 has $GLIBC"
  needed=$(readelf -W -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
    grep -vE '^(libc|libm|ld-linux-.*)\.so\.[0-9]+$' || true)
  [[ -z $needed ]] || die "$1 needs $needed"
}

pack () {                                    # pack FILE: the same bytes in, the same bytes out
  local zip=$PWD/$1.zip
  temporary=$(mktemp -d)
  trap 'rm -rf "$temporary"; stop_all 2> /dev/null' EXIT
  cp "$1" "$temporary/bootstrap"
  touch -d 2000-01-01 "$temporary/bootstrap"
  rm -f "$zip"
  (cd "$temporary" && TZ=UTC zip -q -9 -X "$zip" bootstrap)
  [[ $(stat -c %s "$zip") -le $LARGEST ]] || die "$1.zip is larger than $LARGEST bytes"
}

arm64 () {
  local root=$PWD/cache/arm64 packages=(liblua5.4-dev zlib1g-dev libssl-dev libcurl4-openssl-dev libssl3)
  say "fetching Debian's arm64 headers and static libraries"
  rm -rf "$root"
  mkdir -p "$root/apt/lists/partial" "$root/apt/cache/archives/partial"
  local apt=(-qq -o APT::Architectures::=arm64 -o APT::Sandbox::User=root -o Dir::State::Lists="$root/apt/lists"
    -o Dir::Cache="$root/apt/cache")
  attend apt-get "${apt[@]}" update
  (cd "$root/apt" && attend apt-get "${apt[@]}" download "${packages[@]/%/:arm64}")
  for package in "$root"/apt/*.deb; do dpkg-deb -x "$package" "$root"; done
  rm -rf "$root/apt"
}

case ${1:-} in
  arm64) arm64 ;;
  "") sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" ;;
  *)
    [[ ${FLAVOUR:-plain} != plain ]] || check "$1"
    pack "$1"
    ;;
esac
